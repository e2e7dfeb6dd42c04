from google.protobuf import descriptor_pb2 as _descriptor_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor

class Plane(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PLANE_UNSPECIFIED: _ClassVar[Plane]
    PLANE_DATA: _ClassVar[Plane]
    PLANE_ORG: _ClassVar[Plane]
    PLANE_CONTROL: _ClassVar[Plane]
    PLANE_TRANSFER: _ClassVar[Plane]
    PLANE_LOCAL: _ClassVar[Plane]
    PLANE_TRANSIT: _ClassVar[Plane]
    PLANE_EGRESS: _ClassVar[Plane]

class DataClass(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DATA_CLASS_UNSPECIFIED: _ClassVar[DataClass]
    DATA_CLASS_METADATA: _ClassVar[DataClass]
    DATA_CLASS_CREDENTIAL: _ClassVar[DataClass]
    DATA_CLASS_PERSONAL: _ClassVar[DataClass]
    DATA_CLASS_CUSTOMER: _ClassVar[DataClass]

class Subject(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SUBJECT_UNSPECIFIED: _ClassVar[Subject]
    SUBJECT_PROJECT: _ClassVar[Subject]
    SUBJECT_ORG: _ClassVar[Subject]
    SUBJECT_LOGIN_HINT: _ClassVar[Subject]
    SUBJECT_REGION: _ClassVar[Subject]
PLANE_UNSPECIFIED: Plane
PLANE_DATA: Plane
PLANE_ORG: Plane
PLANE_CONTROL: Plane
PLANE_TRANSFER: Plane
PLANE_LOCAL: Plane
PLANE_TRANSIT: Plane
PLANE_EGRESS: Plane
DATA_CLASS_UNSPECIFIED: DataClass
DATA_CLASS_METADATA: DataClass
DATA_CLASS_CREDENTIAL: DataClass
DATA_CLASS_PERSONAL: DataClass
DATA_CLASS_CUSTOMER: DataClass
SUBJECT_UNSPECIFIED: Subject
SUBJECT_PROJECT: Subject
SUBJECT_ORG: Subject
SUBJECT_LOGIN_HINT: Subject
SUBJECT_REGION: Subject
PLANE_FIELD_NUMBER: _ClassVar[int]
plane: _descriptor.FieldDescriptor
DATA_CLASS_FIELD_NUMBER: _ClassVar[int]
data_class: _descriptor.FieldDescriptor
SUBJECT_FIELD_NUMBER: _ClassVar[int]
subject: _descriptor.FieldDescriptor
