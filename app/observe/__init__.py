"""Metrics, traces and request logs of the service."""
