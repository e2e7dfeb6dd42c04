"""Reassigning a primary region, over the mesh: two regions, the registry, and a project in either."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from mesh.client import GuardedChannel
from mesh.context import act_as
from mesh.errors import CrossingRefused
from mesh.grants import make_grant
from mesh.identity import Identity
from mesh.signing import RowSigner
from sankofa.ingest.v1 import project_pb2 as projects_pb
from sankofa.org.v1 import export_pb2 as exports_pb
from sankofa.org.v1 import member_pb2 as members_pb
from sankofa.org.v1 import org_pb2 as org_pb
from sankofa.org.v1 import session_pb2 as sessions_pb
from sankofa.org.v1 import transfer_pb2 as pb
from sankofa.org.v1.member_pb2_grpc import MemberServiceStub
from sankofa.org.v1.org_pb2 import OrgRole
from sankofa.org.v1.transfer_pb2_grpc import AssignmentServiceStub, TransferServiceStub
from sankofa.residency.v1.environment_pb2 import Environment
from services.org.config import OrgConfig
from tests.support.cells import HINTS, PASSWORD, Cells, Owner, bearer, reason_of, until
from tests.support.mails import code_for
from tests.support.nodes import AF, EU, US
from tests.support.roles import put_member
from tests.support.rows import operation

pytestmark = [pytest.mark.disk, pytest.mark.network]

EMAIL = "ada@example.org"


@pytest.fixture
async def cells(pki: Path, tmp_path: Path) -> AsyncIterator[Cells]:
    async with Cells(pki, tmp_path, (EU, US), OrgConfig(reconcile_after_s=0, reconcile_every_s=0.05)) as mesh:
        yield mesh


def assignments(cells: Cells, region: str) -> AssignmentServiceStub:
    """A region's cell, as the shim of that region calls it."""
    cell = cells.of[region]
    return AssignmentServiceStub(cell._channel("rest", region, cell.port))


async def assign(cells: Cells, owner: Owner, target: str, *, at: str = EU) -> pb.AssignResponse:
    request = pb.AssignRequest(org_id=owner.org_id, region=target)
    answer: pb.AssignResponse = await assignments(cells, at).Assign(request, metadata=owner.metadata)
    return answer


async def progress(cells: Cells, owner: Owner, at: str) -> pb.Assignment:
    request = pb.GetAssignmentRequest(org_id=owner.org_id)
    return (await assignments(cells, at).GetAssignment(request, metadata=owner.metadata)).assignment


async def done(cells: Cells, owner: Owner, at: str = US) -> pb.Assignment:
    """Waits until a reassignment is over everywhere."""

    async def is_done() -> bool:
        here = cells.of[at].directory.org(owner.org_id)
        if here is None or here.primary_region != at:
            return False
        return (await progress(cells, owner, at)).step == pb.ASSIGNMENT_STEP_DONE

    await until(is_done)
    for cell in cells.of.values():
        await until(lambda cell=cell: cell.directory.org(owner.org_id).primary_region == at)
    return await progress(cells, owner, at)


async def log_in(cells: Cells, region: str, email: str = EMAIL) -> org_pb.LoginResponse:
    request = org_pb.LoginRequest(hint=HINTS.hint(email), email=email, password=PASSWORD)
    answer: org_pb.LoginResponse = await cells.of[region].orgs().Login(request)
    return answer


async def mint(cells: Cells, owner: Owner, project_id: str, region: str) -> None:
    request = projects_pb.MintKeyRequest(project_id=project_id, environment=Environment.ENVIRONMENT_TEST)
    await cells.of[region].projects().MintKey(request, metadata=owner.metadata)


async def test_an_organisation_its_account_and_its_projects_after_a_reassignment(cells: Cells) -> None:
    owner = await cells.sign_up(EU)
    here = (await cells.create(owner, EU)).project.project_id
    there = (await cells.create(owner, US)).project.project_id
    await mint(cells, owner, here, EU)
    begun = await assign(cells, owner, US)
    assert (begun.assignment.from_region, begun.assignment.to_region) == (EU, US)
    assignment = await done(cells, owner)
    assert assignment.accounts == 1 and assignment.rows > 0 and assignment.finished_at_unix_ms > 0
    for project_id, region in ((here, EU), (there, US)):
        await mint(cells, owner, project_id, region)  # by the token of the old home
    listed = (
        await cells.of[US]
        .orgs()
        .ListProjects(org_pb.ListProjectsRequest(org_id=owner.org_id), metadata=owner.metadata)
    )
    assert {each.project_id for each in listed.projects} == {here, there}
    again = await log_in(cells, US)
    assert again.user.home_region == US and [each.org_id for each in again.orgs] == [owner.org_id]
    moved = Owner(again.token, owner.user_id, owner.org_id, US)
    for project_id, region in ((here, EU), (there, US)):
        await mint(cells, moved, project_id, region)
    made = await cells.create(moved, EU)
    assert made.project.region == EU, "the new primary creates projects anywhere"


async def test_the_old_region_has_nothing_and_says_where_to_ask(cells: Cells) -> None:
    owner = await cells.sign_up(EU)
    await assign(cells, owner, US)
    await done(cells, owner)
    old = cells.of[EU].records
    assert await old.orgs.orgs() == [] and await old.orgs.account(EMAIL) is None
    assert await reason_of(log_in(cells, EU)) == "ACCOUNT_MOVED"
    listing = org_pb.ListProjectsRequest(org_id=owner.org_id)
    assert await reason_of(cells.of[EU].orgs().ListProjects(listing, metadata=owner.metadata)) == "ORG_MOVED"
    found = await cells.registry.store.find_login_hint(HINTS.hint(EMAIL))
    assert found is not None and found[0].row.region == US


async def refresh(cells: Cells, region: str, token: str) -> sessions_pb.RefreshResponse:
    request = sessions_pb.RefreshRequest(region=region, refresh_token=token)
    answer: sessions_pb.RefreshResponse = await cells.of[region].sessions().Refresh(request)
    return answer


async def test_who_is_signed_in_stays_signed_in_wherever_their_account_goes(cells: Cells) -> None:
    owner = await cells.sign_up(EU)
    token = (await refresh(cells, EU, (await log_in(cells, EU)).refresh_token)).refresh_token
    ended = await log_in(cells, EU)
    await cells.of[EU].sessions().SignOut(sessions_pb.SignOutRequest(region=EU), metadata=bearer(ended.token))
    await assign(cells, owner, US)
    await done(cells, owner)
    with pytest.raises(CrossingRefused) as refused:
        await refresh(cells, EU, token)
    assert refused.value.detail == US, "it says where to ask"
    listing = sessions_pb.ListSessionsRequest(region=EU)
    asked = cells.of[EU].sessions().ListSessions(listing, metadata=owner.metadata)
    assert await reason_of(asked) == "INVALID_TOKEN", "for its sessions a token of the new home is needed"
    forged = token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB")
    assert await reason_of(refresh(cells, US, forged)) == "INVALID_TOKEN"
    assert await reason_of(refresh(cells, US, ended.refresh_token)) == "INVALID_TOKEN"
    first = await refresh(cells, US, token)
    again = await refresh(cells, US, token)
    assert again.refresh_token == first.refresh_token, "the answer may have been lost"
    second = await refresh(cells, US, first.refresh_token)
    sessions = (
        await cells.of[US]
        .sessions()
        .ListSessions(sessions_pb.ListSessionsRequest(region=US), metadata=bearer(second.token))
    )
    assert len(sessions.sessions) == 2 and [each.current for each in sessions.sessions].count(True) == 1
    await assign(cells, Owner(second.token, owner.user_id, owner.org_id, US), EU, at=US)
    await done(cells, Owner(second.token, owner.user_id, owner.org_id, US), EU)
    third = await refresh(cells, EU, second.refresh_token)
    assert third.refresh_token.split(".")[1] == EU
    assert await reason_of(refresh(cells, EU, token)) == "INVALID_TOKEN", "the key of before opens it no more"
    assert (await refresh(cells, EU, third.refresh_token)).token


async def test_an_account_stays_with_its_other_organisation_until_that_membership_ends(cells: Cells) -> None:
    owner, other = await cells.sign_up(EU), await cells.sign_up(US, "eve@example.org")
    act_as("usr_test")
    there = cells.of[US].records.orgs
    await cells.of[EU].records.orgs.point(owner.user_id, other.org_id)
    await put_member(there, other.org_id, owner.user_id, OrgRole.ORG_ROLE_MEMBER, EU)
    await assign(cells, owner, US)
    assert (await done(cells, owner)).accounts == 0
    session = await log_in(cells, EU)
    owner = Owner(session.token, owner.user_id, owner.org_id, EU)
    act_as("usr_test")
    await put_member(there, other.org_id, owner.user_id, OrgRole.ORG_ROLE_UNSPECIFIED, EU)
    await assign(cells, owner, EU, at=US)
    await done(cells, owner, EU)
    await assign(cells, owner, US)
    assert (await done(cells, owner)).accounts == 1, "it points at nothing else any more"
    assert (await log_in(cells, US)).user.home_region == US


async def test_an_invitation_that_may_be_accepted_holds_an_account_back_one_that_was_not_does_not(
    cells: Cells,
) -> None:
    owner, other = await cells.sign_up(EU), await cells.sign_up(US, "eve@example.org")
    await cells.of[EU].records.orgs.point(owner.user_id, other.org_id)  # as an introduction does
    members = MemberServiceStub(cells.of[US].channel())
    invite = members_pb.InviteRequest(org_id=other.org_id, email=EMAIL, role=OrgRole.ORG_ROLE_MEMBER)
    invited = (await members.Invite(invite, metadata=other.metadata)).invitation
    await assign(cells, owner, US)
    assert (await done(cells, owner)).accounts == 0
    withdraw = members_pb.WithdrawInvitationRequest(org_id=other.org_id, invitation_id=invited.invitation_id)
    await members.WithdrawInvitation(withdraw, metadata=other.metadata)
    session = await log_in(cells, EU)
    owner = Owner(session.token, owner.user_id, owner.org_id, EU)
    await assign(cells, owner, EU, at=US)
    await done(cells, owner, EU)
    await assign(cells, owner, US)
    assert (await done(cells, owner)).accounts == 1


async def test_a_new_account_that_comes_too_late_is_made_where_its_organisation_goes(cells: Cells) -> None:
    owner = await cells.sign_up(EU)
    invite = members_pb.InviteRequest(
        org_id=owner.org_id, email="bob@example.org", role=OrgRole.ORG_ROLE_MEMBER
    )
    await MemberServiceStub(cells.of[EU].channel()).Invite(invite, metadata=owner.metadata)
    code = code_for(cells.of[EU].folder, "bob@example.org")
    secret = code.partition(".")[2]
    accept = members_pb.AcceptInvitationRequest(org_id=owner.org_id, secret=secret, password=PASSWORD)
    await cells.of[US].stop()
    await assign(cells, owner, US)

    async def fenced() -> bool:
        return (await progress(cells, owner, EU)).step == pb.ASSIGNMENT_STEP_FENCED

    await until(fenced)
    refused = MemberServiceStub(cells.of[EU].channel()).AcceptInvitation(accept)
    assert await reason_of(refused) == "ORG_MOVING"
    await cells.of[US].start()
    await done(cells, owner)
    joined = await MemberServiceStub(cells.of[US].channel()).AcceptInvitation(accept)
    assert joined.member.home_region == US, "nobody has claimed the e-mail for the region before"


async def test_only_a_cell_asks_whose_accounts_may_go(cells: Cells) -> None:
    owner = await cells.sign_up(EU)
    request = members_pb.FindPeopleRequest(org_id=owner.org_id)
    refused = MemberServiceStub(cells.of[EU].channel()).FindPeople(request, metadata=owner.metadata)
    assert await reason_of(refused) == "ROLE_FORBIDDEN"


async def test_files_of_exports_are_gone_as_soon_as_it_says_erased(cells: Cells) -> None:
    owner = await cells.sign_up(EU)
    act_as("usr_test")
    await cells.of[EU].records.orgs.set_plan(owner.org_id, "pro")
    await (
        cells.of[EU]
        .exports()
        .CreateExport(exports_pb.CreateExportRequest(org_id=owner.org_id), metadata=owner.metadata)
    )
    folder = cells.of[EU].folder / "blobs"
    await until(lambda: [path for path in folder.glob("*") if path.suffix != ".part"])
    await assign(cells, owner, US)
    assert not (await progress(cells, owner, EU)).HasField("left"), "nobody has counted yet"
    assignment = await done(cells, owner)
    assert list(folder.glob("*")) == [], "the next look is in a minute"
    assert assignment.HasField("left") and (assignment.left.rows, assignment.left.files) == (0, 0)


async def test_it_goes_back_and_forth_and_each_time_everywhere_follows(cells: Cells) -> None:
    owner = await cells.sign_up(EU)
    project_id = (await cells.create(owner, US)).project.project_id
    for epoch, (at, target) in enumerate(((EU, US), (US, EU), (EU, US)), 2):
        await assign(cells, owner, target, at=at)
        await done(cells, owner, target)
        await mint(cells, owner, project_id, US)
        fact = cells.of[at].directory.org(owner.org_id)
        assert fact is not None and (fact.epoch, fact.former_region) == (epoch, at)
        session = await log_in(cells, target)
        owner = Owner(session.token, owner.user_id, owner.org_id, target)


async def test_the_same_again_answers_how_far_it_is_and_another_target_is_refused(cells: Cells) -> None:
    owner = await cells.sign_up(EU)
    await cells.of[US].stop()
    first = await assign(cells, owner, US)
    again = await assign(cells, owner, US)
    assert first.assignment.operation_id == again.assignment.operation_id
    assert await reason_of(assign(cells, owner, EU)) == "OPERATION_IN_FLIGHT"
    await cells.of[US].start()
    await done(cells, owner)
    there = await assign(cells, owner, US, at=US)
    assert there.primary_region == US and there.assignment.step == pb.ASSIGNMENT_STEP_DONE


async def test_where_it_is_already_there_is_nothing_to_do(cells: Cells) -> None:
    owner = await cells.sign_up(EU)
    answer = await assign(cells, owner, EU)
    assert answer.primary_region == EU and not answer.HasField("assignment")


async def test_only_owners_and_only_to_regions_that_are_open(cells: Cells) -> None:
    owner = await cells.sign_up(EU)
    assert await reason_of(assign(cells, owner, AF)) == "REGION_NOT_OPEN"
    assert await reason_of(assign(cells, owner, "mars-1")) == "REGION_UNKNOWN"
    act_as("usr_test")
    await put_member(cells.of[EU].records.orgs, owner.org_id, owner.user_id, OrgRole.ORG_ROLE_ADMIN, EU)
    assert await reason_of(assign(cells, owner, US)) == "PERMISSION_DENIED"
    stranger = await cells.sign_up(EU, "eve@example.org")
    intruder = Owner(stranger.token, stranger.user_id, owner.org_id, EU)
    assert await reason_of(assign(cells, intruder, US)) == "PERMISSION_DENIED"


async def test_while_another_operation_is_in_flight_it_is_refused(cells: Cells) -> None:
    owner = await cells.sign_up(EU)
    cell = cells.of[EU]
    assert await cell.publisher.flush(timedelta(seconds=15))
    await cell.publisher.put([operation(owner.org_id, "op_other", EU, 1).row])
    assert await reason_of(assign(cells, owner, US)) == "OPERATION_IN_FLIGHT"
    await cell.publisher.put([operation(owner.org_id, "op_other", EU, 1, finished=True).row])
    await assign(cells, owner, US)
    await done(cells, owner)


async def test_what_can_not_go_on_is_given_up_and_everything_is_as_it_was(pki: Path, tmp_path: Path) -> None:
    async with Cells(pki, tmp_path, (EU, US), OrgConfig(assign_patience_s=0.2)) as cells:
        owner = await cells.sign_up(EU)
        await cells.of[US].stop()
        await assign(cells, owner, US)

        async def abandoned() -> bool:
            return (await progress(cells, owner, EU)).step == pb.ASSIGNMENT_STEP_ABANDONED

        await until(abandoned)
        assert (await progress(cells, owner, EU)).reason.startswith("us-east-1 did not take it")
        act_as("usr_test")
        await cells.of[EU].records.orgs.set_plan(owner.org_id, "growth")
        await cells.of[US].start()
        await until(lambda: ended(cells, owner))
        await assign(cells, owner, US)
        await done(cells, owner)


async def ended(cells: Cells, owner: Owner) -> bool:
    return (await progress(cells, owner, EU)).finished_at_unix_ms > 0


async def test_a_project_that_is_being_created_across_the_move_is_created_once(cells: Cells) -> None:
    owner = await cells.sign_up(EU)
    permit = await cells.authorise(owner, US)
    await assign(cells, owner, US)
    await done(cells, owner)
    provision = projects_pb.ProvisionRequest(region=US, ticket=permit.ticket)
    await cells.of[US].projects().Provision(provision)  # by the ticket of the old primary
    complete = org_pb.CompleteCreateRequest(org_id=owner.org_id, project_id=permit.project_id)
    await cells.of[US].orgs().CompleteCreate(complete, metadata=owner.metadata)
    await mint(cells, owner, permit.project_id, US)


async def test_nobody_but_the_two_ends_of_a_grant_is_let_in(cells: Cells, pki: Path) -> None:
    owner = await cells.sign_up(EU)
    target = cells.of[US]

    def granted(*, by: str, source: str = EU, role: str = "cell") -> pb.BeginRequest:
        grant = make_grant(
            signer=RowSigner.load(pki, by),
            org_id=owner.org_id,
            operation_id="op_1",
            epoch=2,
            source=Identity(source, role),
            target=Identity(US, "cell"),
            digest_key=b"k" * 32,
        )
        return pb.BeginRequest(grant=grant)

    def as_(region: str, role: str) -> GuardedChannel:
        """A channel whose own guard is not asked: what arrives has to be refused."""
        caller = cells.of[region]
        channel = caller._channel(role, US, target.port)
        assert isinstance(channel, GuardedChannel)
        return channel

    assert await reason_of(TransferServiceStub(as_(EU, "rest")).Begin(granted(by=EU))) == "GRANT_INVALID"
    assert await reason_of(TransferServiceStub(as_(EU, "cell")).Begin(granted(by=US))) == "GRANT_INVALID"
    assert await reason_of(TransferServiceStub(as_(EU, "cell")).Begin(pb.BeginRequest())) == "GRANT_INVALID"
    answer = await TransferServiceStub(as_(EU, "cell")).Begin(granted(by=EU))
    assert len(answer.public_key) == 32


async def test_reads_go_on_while_it_cannot_be_changed(cells: Cells) -> None:
    owner = await cells.sign_up(EU)
    await cells.of[US].stop()
    await assign(cells, owner, US)

    async def fenced() -> bool:
        return (await progress(cells, owner, EU)).step == pb.ASSIGNMENT_STEP_FENCED

    await until(fenced)
    listing = org_pb.ListProjectsRequest(org_id=owner.org_id)
    await cells.of[EU].orgs().ListProjects(listing, metadata=owner.metadata)
    assert (await log_in(cells, EU)).token
    create = org_pb.AuthorizeCreateRequest(org_id=owner.org_id, name="Shop", region=EU)
    refused = cells.of[EU].orgs().AuthorizeCreate(create, metadata=owner.metadata)
    assert await reason_of(refused) == "ORG_MOVING"
    await cells.of[US].start()
    await done(cells, owner)
