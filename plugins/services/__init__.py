"""Service templates: data, one TOML file each."""
