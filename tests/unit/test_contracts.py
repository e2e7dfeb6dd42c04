"""The first proof: residency from the contracts alone."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor, FileDescriptor, MethodDescriptor
from google.protobuf.descriptor_pool import DescriptorPool

from mesh.errors import TABLE
from mesh.planes import plane_of, shape_of
from sankofa.ingest.v1.ingest_pb2 import Track
from sankofa.residency.v1 import options_pb2
from sankofa.residency.v1.error_pb2 import ErrorReason
from sankofa.residency.v1.grant_pb2 import OrgGrant
from sankofa.residency.v1.options_pb2 import DataClass, Plane, Subject

PROTOS = Path(__file__).parents[2] / "protos"
HIGHEST = {
    Plane.PLANE_DATA: DataClass.DATA_CLASS_CUSTOMER,
    Plane.PLANE_TRANSFER: DataClass.DATA_CLASS_CUSTOMER,
    Plane.PLANE_ORG: DataClass.DATA_CLASS_PERSONAL,
    Plane.PLANE_CONTROL: DataClass.DATA_CLASS_CREDENTIAL,
    Plane.PLANE_LOCAL: DataClass.DATA_CLASS_CREDENTIAL,
}
SUBJECTS = {
    Plane.PLANE_DATA: {Subject.SUBJECT_PROJECT},
    Plane.PLANE_ORG: {Subject.SUBJECT_ORG, Subject.SUBJECT_LOGIN_HINT, Subject.SUBJECT_REGION},
    Plane.PLANE_CONTROL: {Subject.SUBJECT_PROJECT, Subject.SUBJECT_REGION, Subject.SUBJECT_UNSPECIFIED},
    Plane.PLANE_LOCAL: {Subject.SUBJECT_UNSPECIFIED},
    Plane.PLANE_TRANSFER: {Subject.SUBJECT_ORG, Subject.SUBJECT_PROJECT},
}
BYTES_LIKE = {FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES}


def files() -> list[FileDescriptor]:
    names = [path.relative_to(PROTOS) for path in PROTOS.rglob("*.proto")]
    modules = [str(name.with_suffix("")).replace("/", ".") + "_pb2" for name in names]
    return [importlib.import_module(module).DESCRIPTOR for module in modules]


def methods() -> list[MethodDescriptor]:
    return [m for file in files() for service in file.services_by_name.values() for m in service.methods]


def rpc(method: MethodDescriptor) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


def class_of(field: FieldDescriptor) -> DataClass:
    labelled: DataClass = field.GetOptions().Extensions[options_pb2.data_class]
    if labelled:
        return labelled
    opaque = field.type in BYTES_LIKE or (
        field.message_type is not None and field.message_type.full_name.startswith("google.protobuf.")
    )
    return DataClass.DATA_CLASS_CUSTOMER if opaque else DataClass.DATA_CLASS_METADATA


def reached(
    message: Descriptor, path: str = "", seen: frozenset[str] = frozenset()
) -> Iterator[tuple[str, DataClass]]:
    """Every field that a message can carry, with its class."""
    for field in message.fields:
        here = f"{path}.{field.name}"
        yield here, class_of(field)
        if field.message_type is not None and field.message_type.full_name not in seen:
            yield from reached(field.message_type, here, seen | {message.full_name})


def leaks(method: MethodDescriptor) -> list[str]:
    highest = highest_of(plane_of(rpc(method)), shape_of(method.input_type).subject)
    return [leak for message in (method.input_type, method.output_type) for leak in over(highest, message)]


def highest_of(plane: Plane, subject: Subject) -> DataClass:
    """A grant for an organisation carries none of what its projects' end users did or are."""
    if plane == Plane.PLANE_TRANSFER and subject == Subject.SUBJECT_ORG:
        return DataClass.DATA_CLASS_PERSONAL
    return HIGHEST[plane]


def above(plane: Plane, message: Descriptor) -> list[str]:
    """Fields of a class that a plane does not allow."""
    return over(HIGHEST[plane], message)


def over(highest: DataClass, message: Descriptor) -> list[str]:
    return [
        f"{message.name}{path} holds {DataClass.Name(found)}"
        for path, found in reached(message)
        if found > highest
    ]


def test_the_proof_looks_at_every_contract() -> None:
    assert len(files()) == len(list(PROTOS.rglob("*.proto"))) >= 8
    assert len(methods()) >= 25


@pytest.mark.parametrize("method", methods(), ids=rpc)
def test_every_rpc_has_a_plane_that_an_rpc_may_have(method: MethodDescriptor) -> None:
    assert plane_of(rpc(method)) in HIGHEST


@pytest.mark.parametrize("method", methods(), ids=rpc)
def test_no_rpc_carries_a_class_above_its_plane(method: MethodDescriptor) -> None:
    assert leaks(method) == []


@pytest.mark.parametrize("method", methods(), ids=rpc)
def test_every_request_names_a_subject_that_its_plane_can_place(method: MethodDescriptor) -> None:
    shape = shape_of(method.input_type)
    framed = shape.frame and shape_of(method.input_type.fields_by_name[shape.frame].message_type)
    named = framed.subject if framed else shape.subject
    assert named in SUBJECTS[plane_of(rpc(method))]


def test_every_transfer_carries_the_grant_that_its_guard_asks_for() -> None:
    transfers = [method for method in methods() if plane_of(rpc(method)) == Plane.PLANE_TRANSFER]
    assert len(transfers) >= 7
    for method in transfers:
        grant = method.input_type.fields_by_name["grant"].message_type
        assert grant is OrgGrant.DESCRIPTOR and not method.client_streaming, rpc(method)


def test_a_grant_for_an_organisation_carries_no_customer_data() -> None:
    transfer = Plane.PLANE_TRANSFER
    assert highest_of(transfer, Subject.SUBJECT_ORG) < highest_of(transfer, Subject.SUBJECT_PROJECT)
    assert over(highest_of(transfer, Subject.SUBJECT_ORG), Track.DESCRIPTOR), "an event would be found"


def test_every_stream_of_requests_carries_frames_whose_items_name_their_subject() -> None:
    for method in methods():
        if method.client_streaming:
            assert shape_of(method.input_type).frame is not None, rpc(method)


def test_the_proof_can_fail() -> None:
    """A CONTROL rpc that smuggles an unlabelled string is found."""
    pool = DescriptorPool()
    for dependency in ("google/protobuf/descriptor.proto", "sankofa/residency/v1/options.proto"):
        found = descriptor_pool.Default().FindFileByName(dependency)
        pool.AddSerializedFile(found.serialized_pb)
    file = descriptor_pb2.FileDescriptorProto(name="smuggle.proto", package="smuggle", syntax="proto3")
    message = file.message_type.add(name="Note")
    message.field.add(name="text", number=1, type=FieldDescriptor.TYPE_STRING, label=1)
    pool.Add(file)  # type: ignore[attr-defined]
    note = pool.FindMessageTypeByName("smuggle.Note")
    assert message_factory.GetMessageClass(note)().DESCRIPTOR is note
    assert above(Plane.PLANE_CONTROL, note) == ["Note.text holds DATA_CLASS_CUSTOMER"]
    assert above(Plane.PLANE_ORG, note) and not above(Plane.PLANE_DATA, note)


def test_every_reason_has_one_place_in_the_error_table() -> None:
    assert set(TABLE) == set(ErrorReason.values()) - {ErrorReason.ERROR_REASON_UNSPECIFIED}
