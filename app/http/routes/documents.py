"""Calls that read documents and, with the admin key, change them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response

from untilclick.app.http.access import Access
from untilclick.app.http.admin import Admin
from untilclick.app.http.problems import problem_responses
from untilclick.app.http.schemas import MAX_DOC_ID, DocumentIn, DocumentOut
from untilclick.search.records import Document

router = APIRouter(prefix="/v1/documents", tags=["documents"])

DocId = Annotated[str, Path(min_length=1, max_length=MAX_DOC_ID, pattern=r"^[^\x00-\x1f]+$")]


@router.get("/{doc_id:path}", summary="Read a document", responses=problem_responses(404, 503))
async def get_document(doc_id: str, access: Access) -> DocumentOut:
    """The stored document."""
    return DocumentOut.of(await access.run(lambda: access.service.document(doc_id)))


@router.put(
    "/{doc_id:path}",
    summary="Add or replace a document",
    status_code=204,
    response_class=Response,
    responses=problem_responses(401, 409, 413, 422, 503),
)
async def put_document(doc_id: DocId, body: DocumentIn, access: Access, _: Admin) -> Response:
    """Add a document, or replace the one with this id. This process finds it after the answer; other processes
    find it within a second. Refused (409) unless the service runs with `UNTILCLICK_LIVE_DOCUMENTS`."""
    document = Document(doc_id, body.title, body.text)
    await access.run_slow(lambda: access.service.live_documents.put(document))
    return Response(status_code=204)


@router.delete(
    "/{doc_id:path}",
    summary="Delete a document",
    status_code=204,
    response_class=Response,
    responses=problem_responses(401, 404, 409, 422, 503),
)
async def delete_document(doc_id: DocId, access: Access, _: Admin) -> Response:
    """Delete a document. This process no longer finds it after the answer; other processes stop within a second."""
    await access.run_slow(lambda: access.service.live_documents.delete(doc_id))
    return Response(status_code=204)
