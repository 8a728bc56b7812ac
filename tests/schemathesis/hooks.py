"""What no schema can say: which ids there are in this database, which cursor the server gave.

A request that names a shop which is not there is a 400, as it should be; for schemathesis to send requests that are
right in every way, the ids of bodies are narrowed to those of a small world that is made here through the API, before
the document is read. Nothing is excluded: every operation, check and phase stays.
"""

import os
import time
import uuid
import zlib

import requests
import schemathesis
from hypothesis import strategies as st

BASE = os.environ["REPAIROPS_BASE"]
AUTHORIZATION = {"Authorization": "Bearer " + os.environ["REPAIROPS_KEY"]}

with open(os.environ["REPAIROPS_COMPONENT"], "rb") as component:
    COMPONENT = component.read()


def call(method, path, **more):
    response = requests.request(method, BASE + path, headers=AUTHORIZATION, timeout=30, **more)
    response.raise_for_status()
    return response.json()


def post(path, **body):
    return call("POST", path, json=body)


class World:
    """Two of each, so that a choice is a choice."""

    def __init__(self):
        self.shops = [post("/v1/shops", name=name)["id"] for name in ("Main Street", "Second Avenue")]
        self.users = [
            post("/v1/users", name=name, email=name.lower() + "@shop.example", role="technician")["id"]
            for name in ("Alice", "Bob")
        ]
        self.skus = ["SCREEN-1", "SCREEN-2"]
        self.items = [
            post("/v1/inventory", shop_id=self.shops[0], sku=sku, name="A screen", category="screens", quantity=1000,
                 cost=80, selling_price=160)["id"]
            for sku in self.skus
        ]
        self.tickets = [
            post("/v1/tickets", shop_id=self.shops[0], customer={"name": name, "email": name.lower() + "@example.com"},
                 device_identifier="A phone", issue_description="It fell")["id"]
            for name in ("John", "Jane")
        ]
        # Plugins take part in this shop, where there are no tickets: with limits that are drawn by chance they have to
        # fail, and an enforced plugin that fails is a 503, as it should be.
        self.plugin_shops = [post("/v1/shops", name="Third Street")["id"]]
        self.plugin = self.upload()
        hint = AUTHORIZATION["Authorization"][-4:]
        keys = call("GET", "/v1/keys")["data"]
        self.key = next(key["id"] for key in keys if key["hint"] == hint and key["scope"] == "admin")
        self.customers = [call("GET", "/v1/tickets/" + id)["customer"]["id"] for id in self.tickets]

    def upload(self):
        headers = {"Content-Type": "application/wasm"}
        headers.update(AUTHORIZATION)
        while True:
            response = requests.post(BASE + "/v1/plugins", headers=headers, data=COMPONENT, timeout=60)
            response.raise_for_status()
            if response.json()["state"] == "ready":
                return response.json()
            time.sleep(0.2)

    def ids(self):
        """By the name of the schema."""
        return {"ShopId": self.shops, "UserId": self.users, "ItemId": self.items, "CustomerId": self.customers,
                "TicketId": self.tickets, "PluginId": [self.plugin["id"]]}

    def in_path(self):
        """By the name of the parameter."""
        return {"ticket_id": self.tickets, "customer_id": self.customers, "inventory_id": self.items,
                "shop_id": self.shops, "user_id": self.users, "plugin_id": [self.plugin["id"]]}


WORLD = None

schemathesis.openapi.media_type("application/wasm", st.just(COMPONENT))
schemathesis.openapi.format("entity-tags", st.sampled_from(['"1"', '"2"', "*", 'W/"3"', '"1", "2"', '"x"']))
schemathesis.openapi.format("time-zone", st.sampled_from(["UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata"]))


@schemathesis.hook
def before_load_schema(context, raw_schema):
    global WORLD
    WORLD = World()
    for name in request_schemas(raw_schema):
        narrow(raw_schema["components"]["schemas"][name], WORLD.ids())
    name_entity_tags(raw_schema)
    narrow_to_plugin(raw_schema["components"]["schemas"], WORLD)
    # A SKU alone is enough when there is such an item.
    raw_schema["components"]["schemas"]["PartChange"]["anyOf"][1]["properties"]["sku"]["enum"] = WORLD.skus
    use_examples_of_this_world(raw_schema)


def request_schemas(document):
    """The names of the schemas that some request's body leads to."""
    names = set()

    def collect(value):
        if isinstance(value, dict):
            name = str(value.get("$ref", "")).removeprefix("#/components/schemas/")
            if name in document["components"]["schemas"] and name not in names:
                names.add(name)
                collect(document["components"]["schemas"][name])
            for inner in value.values():
                collect(inner)
        elif isinstance(value, list):
            for inner in value:
                collect(inner)

    for item in document["paths"].values():
        for operation in item.values():
            collect(operation.get("requestBody", {}))
    return names


def narrow(schema, ids):
    if isinstance(schema, dict):
        name = str(schema.get("$ref", "")).removeprefix("#/components/schemas/")
        if name in ids:
            schema["enum"] = ids[name]
        # What ends in the future is what a server with a clock can tell.
        if "expires_at" in schema.get("properties", {}):
            schema["properties"]["expires_at"] = {"enum": ["2098-01-01T00:00:00Z", "2099-06-30T12:00:00.5+02:00"]}
        for inner in schema.values():
            narrow(inner, ids)
    elif isinstance(schema, list):
        for inner in schema:
            narrow(inner, ids)


def name_entity_tags(document):
    """Of a header's pattern, schemathesis keeps letters and digits alone (`HEADER_ALLOWED_CHARS` of 4.32), which no
    entity tag consists of; what is left is an empty value. A format of one's own it takes as it is."""
    for item in document["paths"].values():
        for operation in item.values():
            for parameter in operation.get("parameters", []):
                if parameter.get("name") in ("If-Match", "If-None-Match"):
                    parameter["schema"]["format"] = "entity-tags"


def narrow_to_plugin(schemas, world):
    """An installation's settings, grants and hooks are those that its plugin has."""
    settings = world.plugin["settings_schema"] or {"type": "object", "maxProperties": 0}
    for name in ("NewInstallation", "InstallationChange"):
        properties = schemas[name]["properties"]
        properties["settings"] = settings
        properties["grants"]["items"] = {"enum": world.plugin["permissions"] or ["none"]}
        properties["grants"]["maxItems"] = len(world.plugin["permissions"])
        properties["shop_ids"] = {"type": "array", "minItems": 1, "maxItems": 3, "items": {"enum": world.plugin_shops}}
    schemas["NewInstallation"]["required"].append("shop_ids")
    hooks = schemas["HooksChange"]["properties"]
    for name in [name for name in hooks if name not in world.plugin["hooks"]]:
        del hooks[name]


def use_examples_of_this_world(document):
    """The examples of bodies have ids of nowhere; in this world they are ids of here."""
    fields = {"shop_id": WORLD.shops[0], "assigned_to": WORLD.users[0], "actor_id": WORLD.users[0],
              "inventory_id": WORLD.items[0], "customer_id": WORLD.customers[0], "from": WORLD.customers[1],
              "user_id": WORLD.users[0]}

    def fill(value):
        if isinstance(value, dict):
            for name, inner in value.items():
                if name in fields and isinstance(inner, str):
                    value[name] = fields[name]
                else:
                    fill(inner)
        elif isinstance(value, list):
            for inner in value:
                fill(inner)

    for item in document["paths"].values():
        for operation in item.values():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                fill(content.get("example"))


@schemathesis.hook
def before_call(context, case, kwargs):
    """The key that this run asks with is not revoked or rotated away: another one is, made for that."""
    for name, ids in WORLD.in_path().items():
        # A link that schemathesis made up from a field which is null.
        if name in (case.path_parameters or {}) and case.path_parameters[name] in (None, "None"):
            case.path_parameters[name] = ids[0]
    if case.method != "GET" and (case.path_parameters or {}).get("key_id") == WORLD.key:
        case.path_parameters["key_id"] = post("/v1/keys", name="Made to go", scope="read")["id"]


@schemathesis.hook
def map_case(context, case):
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return case
    replace_ids(case)
    if case.query and "cursor" in case.query:
        give_cursor(case)
    if case.headers and "Idempotency-Key" in case.headers:
        # One request, one key: with a key of another request it would be a 422.
        case.headers["Idempotency-Key"] = str(uuid.uuid4())
    return case


def replace_ids(case):
    """An id drawn by chance is a 404 and no more; three of four are of this world. Those that came from an earlier
    answer stay."""
    for name, ids in WORLD.in_path().items():
        value = (case.path_parameters or {}).get(name)
        if value and is_random(case, name):
            choice = zlib.crc32(str(value).encode())
            if choice % 4:
                case.path_parameters[name] = ids[choice // 4 % len(ids)]


def is_random(case, name):
    if name not in (case.path_parameters or {}):
        return False
    drawn = {draw.parameter_name for draw in case.meta.pool_draws}
    return name not in drawn and case.meta.phase.name.value != "stateful"


def give_cursor(case):
    """A cursor is what the server gave for the same list; a list of one page has none."""
    query = {name: value for name, value in case.query.items() if name not in ("cursor", "offset")}
    response = requests.get(BASE + case.formatted_path, params=query, headers=AUTHORIZATION, timeout=30)
    cursor = response.json()["pagination"]["next_cursor"] if response.ok else None
    del case.query["cursor"]
    if cursor:
        case.query["cursor"] = cursor
        case.query.pop("offset", None)
