"""What happens in the environment while the demonstration watches."""

from collections.abc import Mapping, Sequence

from connector.demo.visitor import Visitor, made_id

UK, JAPAN, FRANCE, NORWAY = "United Kingdom", "Japan", "France", "Norway"
TRADE_SHOW, WEB, PARTNER = 7, 8, 4

NEW_LEADS: Sequence[Mapping[str, object]] = (
    {"subject": "Stand visit: solar park", "leadsourcecode": TRADE_SHOW, "address1_country": UK},
    {"subject": "Stand visit: wind farm", "leadsourcecode": TRADE_SHOW, "address1_country": UK},
    {"subject": "Stand visit: heat pumps", "leadsourcecode": TRADE_SHOW, "address1_country": UK},
    {"subject": "Web form: price list", "leadsourcecode": WEB, "address1_country": FRANCE},
    {"subject": "Web form: spare parts", "leadsourcecode": WEB, "address1_country": JAPAN},
    {"subject": "Web form: fjord ferry", "leadsourcecode": WEB, "address1_country": NORWAY},
    {"subject": "Partner: steel works", "leadsourcecode": PARTNER, "revenue": 4_000_000},
    {"subject": "Partner: corner shop", "leadsourcecode": PARTNER, "revenue": 20_000},
)

NEW_OPPORTUNITIES: Sequence[Mapping[str, object]] = (
    {"name": "Framework contract", "opportunityratingcode": 1},
    {"name": "Pilot plant", "opportunityratingcode": 1},
)

NEW_INSIGHTS: Sequence[Mapping[str, object]] = (
    {"msdyn_name": "Renewal due: whole fleet", "msdyn_potentialrevenue": 90_000},
    {"msdyn_name": "Renewal due: one unit", "msdyn_potentialrevenue": 9_000},
)


def prepare(visitor: Visitor) -> None:
    """Before the connector starts: the sellers of Japan have no room left."""
    users = visitor.find(f"systemusers?$select=systemuserid&$filter=address1_country eq '{JAPAN}'")
    for user in users:
        maps = visitor.find(
            "msdyn_assignmentmaps?$select=msdyn_assignmentmapid&$filter="
            f"_msdyn_systemuserid_value eq {user['systemuserid']}"
        )
        for found in maps:
            visitor.change(
                "msdyn_assignmentmaps",
                str(found["msdyn_assignmentmapid"]),
                {"msdyn_maxcapacity": 1},
            )


def cause(visitor: Visitor) -> list[str]:
    """New and changed rows arrive; what happened, in words."""
    _create(visitor, "leads", "leadid", NEW_LEADS)
    _create(visitor, "opportunities", "opportunityid", NEW_OPPORTUNITIES)
    account = visitor.find(
        "accounts?$select=accountid&$filter=_owninguser_value ne null&$orderby=name&$top=1"
    )[0]["accountid"]
    bind = {"msdyn_relatedrecord@odata.bind": f"/accounts({account})"}
    insights = [{**row, "msdyn_expirydate": "2099-12-31", **bind} for row in NEW_INSIGHTS]
    _create(visitor, "msdyn_salessuggestions", "msdyn_salessuggestionid", insights)
    open_leads = visitor.find(
        "leads?$select=leadid,_ownerid_value&$orderby=leadid&$top=4&$filter=statecode eq 0 and "
        f"address1_country eq '{UK}' and leadsourcecode ne {TRADE_SHOW} and "
        f"leadsourcecode ne {WEB} and _owninguser_value ne null"
    )
    edited, moved = open_leads[:2], open_leads[2:]
    for lead in edited:
        visitor.change("leads", str(lead["leadid"]), {"leadsourcecode": TRADE_SHOW})
    for lead in moved[:1]:
        visitor.change("leads", str(lead["leadid"]), {"description": "called, nobody there"})
    for lead in moved[1:]:
        _assign_by_hand(visitor, lead)
    return [
        f"{len(NEW_LEADS)} leads were created",
        f"{len(NEW_OPPORTUNITIES)} opportunities and {len(NEW_INSIGHTS)} insights were created",
        f"{len(edited)} older leads were found to come from a trade show",
        "1 lead got a note, which no rule looks at",
        "1 lead was given to a colleague by hand",
    ]


def _create(
    visitor: Visitor, entity_set: str, key: str, rows: Sequence[Mapping[str, object]]
) -> None:
    for number, row in enumerate(rows):
        visitor.create(entity_set, {key: made_id(f"{entity_set}/{number}"), **row})


def _assign_by_hand(visitor: Visitor, lead: Mapping[str, object]) -> None:
    colleague = visitor.find(
        "systemusers?$select=systemuserid&$orderby=fullname&$top=1&$filter=isdisabled eq false and "
        f"applicationid eq null and address1_country eq '{UK}' and "
        f"systemuserid ne {lead['_ownerid_value']}"
    )[0]["systemuserid"]
    visitor.change(
        "leads", str(lead["leadid"]), {"ownerid@odata.bind": f"/systemusers({colleague})"}
    )
