"""The HTTP interface: the application, its middleware, schemas and problem documents."""
