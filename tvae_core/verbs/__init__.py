"""The commands that every domain has: `sample`, `interpolate`, `neighbours`, `optimise`.

A domain's module is a few lines over one of them:

    from domains.headlines.commands import COMMANDS
    from tvae_core.cli import run_command
    from tvae_core.verbs.sample import sample_command

    if __name__ == "__main__":
        sys.exit(run_command("sample", lambda: sample_command(COMMANDS)))
"""
