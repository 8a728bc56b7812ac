"""What no schema can say: which ids there are in this database, which cursor the server gave, what the time is.

A request that names a shop which is not there is a 400, as it should be. For schemathesis to send requests that are right
in every way, ids that it drew by chance are replaced, before the call, by those of a small world that is made here
through the API. Requests that are meant to be wrong stay as they are. Nothing is excluded: every operation, check and
phase runs.
"""

import os
import time
import uuid
import zlib
from datetime import date

import requests
import schemathesis
from hypothesis import strategies as st

BASE = os.environ["REPAIROPS_BASE"]
AUTHORIZATION = {"Authorization": "Bearer " + os.environ["REPAIROPS_KEY"]}

with open(os.environ["REPAIROPS_COMPONENT"], "rb") as component:
    COMPONENT = component.read()

# A sequence of bytes that is a component of use; by chance there is none.
schemathesis.openapi.media_type("application/wasm", st.just(COMPONENT))
# Not every URI is one that a webhook can have: http or https, a host, no user, no fragment.
schemathesis.openapi.format("uri", st.from_regex(
    r"https?://([a-z]{1,10}\.example|192\.0\.2\.[1-9]|\[2001:db8::[1-9]\])(:[1-9][0-9]{0,3})?(/[A-Za-z0-9._~-]{0,9}){0,3}(\?[a-z]=[a-z0-9*%]?)?",
    fullmatch=True,
).filter(lambda url: "%" not in url))
schemathesis.openapi.format("time-zone", st.sampled_from(["UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata"]))
# At least three digits that are not zeros in front; up to eight words.
schemathesis.openapi.format("phone-number", st.from_regex(r"\+?[1-9][0-9]{2,5}(-[0-9]{1,6})?", fullmatch=True))
schemathesis.openapi.format("search-words", st.from_regex(r"[A-Za-z0-9äß]{1,9}( [A-Za-z0-9é-]{0,3}[a-z]){0,3}", fullmatch=True))
schemathesis.openapi.format("entity-tags", st.sampled_from(['"1"', '"2"', "*", 'W/"3"', '"1", "2"', '"x"']))


def call(method, path, **more):
    response = requests.request(method, BASE + path, headers=AUTHORIZATION, timeout=30, **more)
    response.raise_for_status()
    learn(path, response.json())
    return response.json()


def post(path, **body):
    return call("POST", path, json=body)


# What fields of bodies and parameters of paths name, by the collection that it is in.
COLLECTIONS = {
    "shop_id": "shops", "ticket_id": "tickets", "customer_id": "customers", "inventory_id": "inventory",
    "plugin_id": "plugins", "user_id": "users", "assigned_to": "users", "actor_id": "users",
}

# The ids that the server has told of, by collection.
KNOWN = {}


def learn(path, body):
    collection = path.split("?")[0].split("/")[2]
    if path.count("/") > 3 or not isinstance(body, dict):
        return
    for row in body.get("data") or [body]:
        if isinstance(row, dict) and "id" in row:
            KNOWN.setdefault(collection, set()).add(row["id"])


def is_known(name, id):
    return id in KNOWN.get(COLLECTIONS[name], set())


def is_known_ticket(id):
    return id in KNOWN.get("tickets", set())


class World:
    """Two of each, so that a choice is a choice."""

    def __init__(self):
        self.shops = [post("/v1/shops", name=name)["id"] for name in ("Main Street", "Second Avenue")]
        # Plugins take part in a shop where there are no tickets: with limits that are drawn by chance they have to
        # fail, and an enforced plugin that fails is a 503, as it should be.
        self.plugin_shop = post("/v1/shops", name="Third Street")["id"]
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
        self.tickets = [self.ticket(name)["id"] for name in ("John", "Jane")]
        self.customers = [call("GET", "/v1/tickets/" + id)["customer"]["id"] for id in self.tickets]
        self.rated = self.rate(self.ticket("Joan")["id"])
        self.plugin = self.upload()
        # The keys that this run asks with must not go.
        self.key = next(key["id"] for key in call("GET", "/v1/keys")["data"] if key["scope"] == "admin")

    def ticket(self, name):
        customer = {"name": name, "email": name.lower() + "@example.com"}
        return post("/v1/tickets", shop_id=self.shops[0], customer=customer, device_identifier="A phone",
                    issue_description="It fell")

    def rate(self, id):
        for status in ("DIAGNOSTICS", "IN_REPAIR", "QC_REVIEW", "READY_FOR_PICKUP", "PICKED_UP"):
            post("/v1/tickets/" + id + "/transition", new_status=status)
        post("/v1/tickets/" + id + "/feedback", score=5)
        return id

    def someone(self):
        """A customer who may be merged away."""
        return call("GET", "/v1/tickets/" + self.ticket("Someone-" + uuid.uuid4().hex)["id"])["customer"]["id"]

    def upload(self):
        headers = {"Content-Type": "application/wasm", **AUTHORIZATION}
        while True:
            response = requests.post(BASE + "/v1/plugins", headers=headers, data=COMPONENT, timeout=60)
            response.raise_for_status()
            learn("/v1/plugins", response.json())
            if response.json()["state"] == "ready":
                return response.json()
            time.sleep(0.2)

    def ids(self):
        """By the name of a field of a body, or of a parameter of a path."""
        of = {"shops": self.shops, "tickets": self.tickets, "customers": self.customers, "inventory": self.items,
              "plugins": [self.plugin["id"]], "users": self.users}
        return {name: of[collection] for name, collection in COLLECTIONS.items()}


WORLD = None


@schemathesis.hook
def before_load_schema(context, raw_schema):
    global WORLD
    WORLD = World()
    name_entity_tags(raw_schema)
    schemas = raw_schema["components"]["schemas"]
    settings = WORLD.plugin["settings_schema"] or {"type": "object", "maxProperties": 0}
    permissions = WORLD.plugin["permissions"]
    for name in ("NewInstallation", "InstallationChange"):
        # The server itself gives the schema of settings, once the plugin is there.
        schemas[name]["properties"]["settings"] = settings
        schemas[name]["properties"]["grants"].update(items={"enum": permissions}, maxItems=len(permissions))
    hooks = schemas["HooksChange"]["properties"]
    for name in [name for name in hooks if name not in WORLD.plugin["hooks"]]:
        del hooks[name]


def name_entity_tags(document):
    """Of a header's pattern, schemathesis keeps letters and digits alone (`HEADER_ALLOWED_CHARS` of 4.32), which no
    entity tag consists of; what is left is an empty value. A format of one's own it takes as it is."""
    for item in document["paths"].values():
        for operation in item.values():
            for parameter in operation.get("parameters", []):
                if parameter.get("name") in ("If-Match", "If-None-Match"):
                    parameter["schema"]["format"] = "entity-tags"


@schemathesis.hook
def after_call(context, case, response):
    if 200 <= response.status_code < 300 and response.content:
        learn(case.formatted_path, response.json())
    if case.method == "DELETE" and response.status_code == 204 and "/plugins/" in case.path:
        # Bodies name the plugin: another one takes its place.
        KNOWN.get("plugins", set()).discard((case.path_parameters or {}).get("plugin_id"))
        WORLD.plugin = WORLD.upload()


@schemathesis.hook
def before_call(context, case, kwargs):
    path = case.path_parameters or {}
    if path.get("key_id") == WORLD.key and case.method != "GET":
        # Another key goes in its place, made for that.
        path["key_id"] = post("/v1/keys", name="Made to go", scope="read")["id"]
    if case.method == "GET" and case.path.endswith("/feedback") and is_known_ticket(path.get("ticket_id")):
        # A ticket that was just made has no feedback: 404, which a check takes for a lost resource.
        path["ticket_id"] = WORLD.rated
    for name, ids in WORLD.ids().items():
        # A link that schemathesis made up from a field which is null.
        if name in path and path[name] in (None, "None"):
            path[name] = ids[0]
    if isinstance(case.body, dict) and "/installations" in case.path:
        case.body["shop_ids"] = [WORLD.plugin_shop]
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    replace_ids_in_path(path)
    if isinstance(case.body, (dict, list)):
        make_right(case.body, path)
    if case.path.endswith("/merge") and isinstance(case.body, dict):
        case.body["from"] = WORLD.someone()
    if case.headers and "Idempotency-Key" in case.headers:
        # One key, one request: with another request of this key it would be a 422.
        case.headers["Idempotency-Key"] = str(uuid.uuid4())
    if case.query and "cursor" in case.query:
        give_cursor(case)
    if isinstance((case.query or {}).get("metrics"), list):
        # The coverage phase of 4.32 repeats a parameter whose `explode` is false.
        case.query["metrics"] = ",".join(case.query["metrics"])
    if case.path == "/v1/kpis" and "start_date" in (case.query or {}):
        # How the two dates lie to each other is what no schema can say.
        start = date.fromisoformat(case.query["start_date"])
        case.query["end_date"] = max(start, start.replace(day=28)).isoformat()


def replace_ids_in_path(path):
    """An id drawn by chance is a 404 and no more: of four, three are of this world."""
    for name, ids in WORLD.ids().items():
        if name in path and not is_known(name, path[name]):
            choice = zlib.crc32(str(path[name]).encode())
            if choice % 4:
                path[name] = ids[choice // 4 % len(ids)]


AMOUNTS = {"amount", "cost", "estimated_cost", "hourly_cost", "labor_hours", "labor_rate", "selling_price", "unit_cost"}


def make_right(body, path):
    if isinstance(body, list):
        for inner in body:
            make_right(inner, path)
        return
    if not isinstance(body, dict):
        return
    for name, value in list(body.items()):
        ids = WORLD.ids().get(name)
        if ids and isinstance(value, str) and not is_known(name, value):
            body[name] = ids[zlib.crc32(value.encode()) % len(ids)]
        elif name in AMOUNTS and isinstance(value, float):
            # Two decimals are what no schema can say: multiples of 0.01 are none of a double.
            body[name] = round(value, 2)
        elif name == "expires_at" and isinstance(value, str):
            # What is in the future is what a server with a clock can tell.
            body[name] = "2099-06-30T12:00:00.5+02:00"
        else:
            make_right(value, path)
    for part in body.get("parts") or []:
        # Without a price of its own, a part must be one that is on the shelf of the ticket's shop.
        if part.get("inventory_id"):
            # Of an item that is named, the SKU is known.
            part.pop("sku", None)
        is_there = part.get("sku") in WORLD.skus and path.get("ticket_id") in WORLD.tickets
        if part.get("unit_cost") is None and not part.get("inventory_id") and not is_there:
            part["unit_cost"] = 12.5


def give_cursor(case):
    """A cursor is what the server gave for the same list; a list of one page has none."""
    query = {name: value for name, value in case.query.items() if name not in ("cursor", "offset")}
    response = requests.get(BASE + case.formatted_path, params=query, headers=AUTHORIZATION, timeout=30)
    cursor = response.json()["pagination"]["next_cursor"] if response.ok else None
    del case.query["cursor"]
    if cursor:
        case.query["cursor"] = cursor
        case.query.pop("offset", None)
