"""The provider's addresses: protocol endpoints, and the pages on the way to a service."""
