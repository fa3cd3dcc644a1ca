"""The commands that every domain has: `sample`, `interpolate`, `neighbours`, `optimise`.

A domain's module is a few lines over one of them:

    from domains.headlines.commands import COMMANDS
    from tvae_core.cli.sample import sample_command
    from tvae_core.cli.parser import run_command

    if __name__ == "__main__":
        sys.exit(run_command("sample", lambda: sample_command(COMMANDS)))
"""
