"""HTTP: routes, status codes, bodies. Each protocol has its file and its table of errors."""
