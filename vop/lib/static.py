from whitenoise.storage import CompressedManifestStaticFilesStorage


class ManifestStorage(CompressedManifestStaticFilesStorage):
    """Names with a hash of the content, also inside ES modules, cached for ever."""

    support_js_module_import_aggregation = True
