"""Public sets of headlines by name, through ``datasets``; they need a network or its cache."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from data_prep.common import PrepError
from tvae_core.support.reading.parquet import row_of, text_values
from tvae_core.support.reading.rows import Row, Table


@dataclass(frozen=True, slots=True)
class HubSet:
    """A set on the Hugging Face hub: its columns, and the names of labels that are numbers."""

    name: str
    column: str
    label_column: str
    description: str
    licence: str
    label_names: tuple[str, ...] = ()


HUB_SETS = {
    "ag_news": HubSet(
        "sh0416/ag_news",  # titles apart; in fancyzhx/ag_news they are one text with the article
        "title",
        "label",
        "AG's corpus of news articles, titles (Zhang et al. 2015, arXiv 1509.01626)",
        "not stated; the corpus asks for non-commercial use",
        ("World", "Sports", "Business", "Sci/Tech"),
    ),
    "news_category": HubSet(
        "heegyu/news-category-dataset",
        "headline",
        "category",
        "News Category Dataset (Misra 2022, arXiv 2209.11429), HuffPost 2012-2022",
        "CC-BY-4.0",
    ),
}


class HubTable(Table):
    """All splits of a public set as one table; lines are row numbers from 1."""

    unit = "row"

    def __init__(self, hub_set: HubSet) -> None:
        """Fetches the set, or takes it from the cache of ``datasets``; runs no code of the set's.

        Raises:
            PrepError: it cannot be had.
        """
        import datasets

        self.hub_set = hub_set
        datasets.disable_progress_bars()
        try:
            found = datasets.load_dataset(hub_set.name)
            self.data = datasets.concatenate_datasets([found[name] for name in sorted(found)])
        except Exception as error:  # of datasets, of its hub client, of its network client, ...
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise PrepError(
                f"{hub_set.name} cannot be had ({reason}); it needs a network connection, or give "
                "a file with --input"
            ) from error
        self.names = list(self.data.column_names)
        self.total = len(self.data)
        self._digest = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """Of the columns of all rows that were read, each value with its length before it."""
        return self._digest.hexdigest()

    def rows(self, columns: Sequence[int]) -> Iterator[Row]:
        """See `Table.rows`; labels that are numbers come with their names."""
        self.done, self._digest = 0, hashlib.sha256()
        names = [self.names[place] for place in columns]
        numbered = [self._names_of(name) for name in names]
        for batch in self.data.with_format("arrow").iter(batch_size=1000):
            for values in zip(*(text_values(_flat(batch[name])) for name in names), strict=True):
                self.done += 1
                for value in values:
                    self._digest.update(b"%d:" % len(value) + value)
                shown = [
                    known.get(value, value) for value, known in zip(values, numbered, strict=True)
                ]
                yield row_of(self.done, shown)

    def _names_of(self, column: str) -> dict[bytes, bytes]:
        """What the numbers of a label column mean; some sets count from 0, others from 1."""
        names = getattr(self.data.features[column], "names", None)
        first = 0
        if names is None and column == self.hub_set.label_column and self.hub_set.label_names:
            names = self.hub_set.label_names
            first = min(self.data[column])
        return {str(first + i).encode(): name.encode() for i, name in enumerate(names or ())}


def _flat(column: Any) -> Any:
    return column.combine_chunks() if hasattr(column, "combine_chunks") else column
