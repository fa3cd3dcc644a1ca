"""The domains: one folder each, all implementing `tvae_core.domain.Domain`."""
