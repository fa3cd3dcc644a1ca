"""The MOSES benchmark (Polykovskiy et al., Front. Pharmacol. 11, 565644 (2020)).

    python -m domains.smiles.evaluate --moses [CKPT]
    python -m domains.smiles.evaluate --moses --samples-from FILE

| file | what lives there |
|---|---|
| `reference.py` | the published statistics of the test sets, as `data_prep` writes them |
| `molecules.py` | what the metrics need of one molecule: fragments, scaffold, filters |
| `chemnet.py` | ChemNet's activations and the Frechet distance between two Gaussians |
| `metrics.py` | the metrics on arrays and counts: SNN, diversity, cosine, Wasserstein |
| `samples.py` | samples from a file |
| `protocol.py` | all of it on one list of samples, stage by stage |
| `published.py` | the published table, to print a run beside |
| `command.py` | `evaluate --moses` |
"""
