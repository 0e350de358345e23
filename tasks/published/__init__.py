"""What readers see: the pointer to the current version, the versions, the manifests for Athena."""
