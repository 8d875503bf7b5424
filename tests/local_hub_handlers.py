"""What each route of `local_hub.py` does, as far as the public client and documentation show it."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, urlencode

from local_hub_repos import (
    MAX_REGULAR,
    Commit,
    Discussion,
    Entry,
    Repo,
    benchmark_tasks,
    card_problems,
    changes,
    eval_entries,
    file_diff,
    git_oid,
    goes_to_lfs,
    ignored,
    lfs_entry,
    lfs_pointer,
    now,
    patched,
)
from local_hub_site import PARTS, Answer, Call, HubError, html_page, json_answer, ranged

if TYPE_CHECKING:
    from local_hub import LocalHub

# (method, path, method of Handlers, what the caller must be allowed on the repo). A route is added here and there.
ROUTES = [
    ("GET", "/api/whoami-v2", "whoami", None),
    ("POST", "/api/validate-yaml", "validate_yaml", None),
    ("POST", "/api/repos/create", "create_repo", None),
    ("DELETE", "/api/repos/delete", "delete_repo", None),
    ("GET", "/api/{kind}/{repo}/runtime", "runtime", "read"),
    ("POST", "/api/{kind}/{repo}/hardware", "request_hardware", "write"),
    ("GET", "/api/{kind}", "list_repos", None),
    ("GET", "/api/{kind}/{repo}", "repo_info", "read"),
    ("GET", "/api/{kind}/{repo}/revision/{rev}", "repo_info", "read"),
    ("GET", "/api/{kind}/{repo}/leaderboard", "leaderboard", "read"),
    ("GET", "/api/{kind}/{repo}/auth-check", "auth_check", "files"),
    ("GET", "/api/{kind}/{repo}/auth-check/write", "auth_check", "write"),
    ("GET", "/api/{kind}/{repo}/tree/{rev}", "tree", "read"),
    ("GET", "/api/{kind}/{repo}/tree/{rev}/{path}", "tree", "read"),
    ("POST", "/api/{kind}/{repo}/paths-info/{rev}", "paths_info", "read"),
    ("GET", "/api/{kind}/{repo}/refs", "list_refs", "read"),
    ("POST", "/api/{kind}/{repo}/branch/{rev}", "create_branch", "write"),
    ("POST", "/api/{kind}/{repo}/tag/{rev}", "create_tag", "write"),
    ("GET", "/api/{kind}/{repo}/commits/{rev}", "list_commits", "read"),
    ("POST", "/api/{kind}/{repo}/preupload/{rev}", "preupload", "read"),
    ("POST", "/api/{kind}/{repo}/commit/{rev}", "commit", "read"),
    ("GET", "/api/{kind}/{repo}/xet-write-token/{rev}", "no_xet", "read"),
    ("GET", "/api/{kind}/{repo}/discussions", "list_discussions", "read"),
    ("POST", "/api/{kind}/{repo}/discussions", "create_discussion", "discuss"),
    ("GET", "/api/{kind}/{repo}/discussions/{num}", "discussion", "read"),
    ("POST", "/api/{kind}/{repo}/discussions/{num}/comment", "comment", "discuss"),
    ("POST", "/api/{kind}/{repo}/discussions/{num}/title", "change_title", "discuss"),
    ("POST", "/api/{kind}/{repo}/discussions/{num}/status", "change_status", "discuss"),
    ("POST", "/api/{kind}/{repo}/discussions/{num}/merge", "merge", "write"),
    ("GET", "/api/resolve-cache/{kind}/{repo}/{rev}/{path}", "resolve_cache", "files"),
    ("POST", "/{prefix}{repo}.git/info/lfs/objects/batch", "lfs_batch", "discuss"),
    ("POST", "/{prefix}{repo}.git/info/lfs/verify", "lfs_verify", "discuss"),
    ("GET", "/{prefix}{repo}/resolve/{rev}/{path}", "resolve", "files"),
    ("GET", "/{prefix}{repo}/blob/{rev}/{path}", "resolve", "files"),
    ("GET", "/{prefix}{repo}/raw/{rev}/{path}", "raw", "files"),
    ("GET", "/{prefix}{repo}/discussions/{num}", "discussion_page", "read"),
    ("GET", "/{prefix}{repo}/(?:commit|tree)/{rev}", "repo_page", "read"),
    ("GET", "/{prefix}{repo}", "repo_page", "read"),
    ("GET", "/api/{kind}/{name}.*", "no_such_repo", None),
]
CDN_ROUTES = [
    ("GET", "/lfs/{sha}", "cdn_get", None),
    ("PUT", "/lfs/{sha}", "cdn_put", None),
]
# What `expand` may name, which alone is then answered; of these, a list shows LISTED unless asked for more.
EXPANDABLE = {
    "models": "author baseModels cardData childrenModelCount config createdAt disabled downloads downloadsAllTime "
    "evalResults gated gguf inference inferenceProviderMapping lastModified library_name likes mask_token model-index "
    "pipeline_tag private resourceGroup safetensors sha siblings spaces tags transformersInfo trendingScore "
    "usedStorage widgetData",
    "datasets": "author cardData citation createdAt description disabled downloads downloadsAllTime gated "
    "lastModified likes mainSize paperswithcode_id private resourceGroup sha siblings tags trendingScore usedStorage",
    "spaces": "author cardData createdAt datasets disabled lastModified likes models private region resourceGroup "
    "runtime sdk sha siblings subdomain tags trendingScore usedStorage",
}
LISTED = "_id id private likes trendingScore downloads tags pipeline_tag library_name createdAt"
LISTED_MORE = f"{LISTED} author sha lastModified gated"  # of datasets and spaces, and of models when full
PAGE = 1000  # items of one page of a listing
PAGE_EXPANDED = 50  # of a tree with the commits of its files
NEW_PR = "Pull Request opened with the [huggingface_hub Python library](https://huggingface.co/docs/huggingface_hub)"


class Handlers:
    """What each route does, with the Hub's lock held. Returns JSON data or an Answer; raises HubError."""

    def __init__(self, hub: LocalHub):
        self.hub = hub
        self.by_task: tuple = (None, {})  # of which state, results by task

    # Account and repos

    def whoami(self, call: Call) -> dict:
        name, token = call.user, call.token
        access = {"displayName": "local", "role": token.role, "createdAt": now()}
        if token.role == "fineGrained":
            entities = [{"_id": key, "type": self.entity_type(key), "name": key} for key in token.scopes]
            scoped = [{"entity": entity, "permissions": token.scopes[entity["name"]]} for entity in entities]
            access["fineGrained"] = {"canReadGatedRepos": True, "global": token.everywhere, "scoped": scoped}
        orgs = [{"type": "org", "name": org, "roleInOrg": role} for org, role in self.hub.users[name].items()]
        auth = {"type": "access_token", "accessToken": access}
        return {"type": "user", "id": name, "name": name, "fullname": name, "isPro": False, "orgs": orgs, "auth": auth}

    def entity_type(self, key: str) -> str:
        namespace = "user" if key in self.hub.users else "org"
        return next((kind[:-1] for kind, repo_id in self.hub.repos if repo_id == key), namespace)

    def validate_yaml(self, call: Call) -> Answer:
        """Plain text for `ModelCard.validate`, which shows the body as it is; JSON for `create_commit`."""
        errors = card_problems(call.json()["content"])
        if call.headers.get("accept") == "text/plain":
            return Answer(400 if errors else 200, "\n".join(f"- Error: {line}" for line in errors).encode())
        return json_answer({"errors": [{"message": line} for line in errors], "warnings": []}, 400 if errors else 200)

    def create_repo(self, call: Call) -> Answer:
        wanted = call.json()
        namespace, kind = wanted.get("organization") or call.user, f"{wanted.get('type', 'model')}s"
        repo_id = f"{namespace}/{wanted['name']}"
        if not re.fullmatch(PARTS["repo"], repo_id):
            raise HubError(400, f"Invalid repo name: {repo_id}")
        if there := self.hub.named(kind, repo_id):
            message = f"You already created this {kind[:-1]} repo: {there.id}"
            url = self.hub.url + there.url_path  # read by the client when exist_ok=True
            return json_answer({"error": message, "url": url}, 409, **{"X-Error-Message": message})
        if not (self.hub.role(call.user, namespace) in ("admin", "write") and call.token.allows("write", namespace)):
            raise HubError(403, f'You don\'t have the rights to create a {kind[:-1]} under the namespace "{namespace}"')
        if kind == "spaces" and wanted.get("sdk") != "static" and namespace in self.hub.without_spaces:
            raise HubError(402, "Subscribe to PRO to create Gradio and Docker Spaces on free hardware")
        private = wanted.get("visibility") == "private" or bool(wanted.get("private"))
        repo = self.hub.new_repo(kind, repo_id, call.user, private=private)
        return json_answer({"url": self.hub.url + repo.url_path, "name": repo_id, "id": repo_id})

    def delete_repo(self, call: Call) -> dict:
        wanted = call.json()
        key = f"{wanted.get('type', 'model')}s", f"{wanted.get('organization') or call.user}/{wanted['name']}"
        if key not in self.hub.repos:
            raise self.hub.not_found(call.token)
        self.hub.require(call.token, self.hub.repos[key], "write")
        del self.hub.repos[key]
        return {}

    def request_hardware(self, call: Call) -> dict:
        """Paid hardware is for accounts that can pay: those in `hub.paying`."""
        flavor = call.json()["flavor"]
        if flavor != "cpu-basic" and call.repo.owner not in self.hub.paying:
            raise HubError(402, "Payment required: add a payment method to request this hardware")
        call.repo.about["hardware"] = flavor
        return self.runtime(call)

    def runtime(self, call: Call) -> dict:
        flavor = call.repo.about.get("hardware", "cpu-basic")
        return {"stage": "RUNNING", "hardware": {"current": flavor, "requested": flavor}, "gcTimeout": 172800}

    def no_such_repo(self, call: Call, **_: str) -> None:
        raise self.hub.not_found(call.token)

    def auth_check(self, call: Call) -> dict:
        return {}

    def no_xet(self, call: Call, rev: str) -> None:
        raise HubError(400, "This local Hub has no Xet storage: set HF_HUB_DISABLE_XET=1")

    def list_repos(self, call: Call, kind: str) -> Answer:
        full = call.flag("full")
        names = self.expanded(call, kind) or {*(LISTED if kind == "models" and not full else LISTED_MORE).split()}
        names |= ({"siblings"} if full else set()) | ({"cardData"} if call.flag("cardData") else set())
        repos = [repo for repo in self.hub.repos.values() if repo.kind == kind]
        infos = [self.info(repo, repo.at("main")) for repo in repos if self.hub.permitted(call.token, repo, "read")]
        wanted = {*call.query.get("filter", []), *call.query.get("pipeline_tag", [])}
        infos = [
            info
            for info in infos
            if call.arg("author", info["author"]) == info["author"]
            and all(part.lower() in info["id"].lower() for part in call.query.get("search", []))
            and call.arg("gated").lower() in ("", str(bool(info["gated"])).lower())
            and wanted <= {*info["tags"], info.get("pipeline_tag")}
        ]
        key = call.arg("sort", "trendingScore")
        infos.sort(key=lambda info: info.get(key) or 0, reverse=call.arg("direction", "-1") == "-1")
        return self.paged(call, infos, lambda info: self.shown(self.hub.repos[kind, info["id"]], info, names))

    def repo_info(self, call: Call, rev: str = "main") -> dict:
        expand = self.expanded(call, call.repo.kind)
        commit = call.repo.at(rev)
        info = self.info(call.repo, commit, call.flag("blobs"))
        if expand:
            return self.shown(call.repo, info, expand, rev)
        more = {"modelId": info["id"], **self.about_weights(commit)} if call.repo.kind == "models" else {}
        return info | more | call.repo.about

    def expanded(self, call: Call, kind: str) -> set[str]:
        """The properties asked for; one that the Hub does not have is an error."""
        expand = {*call.query.get("expand", []), *call.query.get("expand[]", [])}
        allowed = EXPANDABLE[kind].split()
        if unknown := expand - {*allowed}:
            raise HubError(400, f'"expand" must be one of [{", ".join(allowed)}], not {", ".join(sorted(unknown))}')
        return expand

    def shown(self, repo: Repo, info: dict, names: set[str], rev: str = "main") -> dict:
        known = info | (self.about_weights(repo.at(rev)) | repo.about if names & {"config", "safetensors"} else {})
        shown = {key: value for key, value in known.items() if key in names or key in ("_id", "id")}
        return shown | ({"evalResults": self.eval_results(repo, rev)} if "evalResults" in names else {})

    def about_weights(self, commit: Commit) -> dict:
        """What the Hub reads of a model's configuration and of the headers of its weights; each where there is some."""
        config, tokenizer = (self.json_of(commit, name) for name in ("config.json", "tokenizer_config.json"))
        told = {key: config[key] for key in ("architectures", "model_type", "quantization_config") if key in config}
        tokens = {key: value for key, value in tokenizer.items() if key.endswith("_token") or key == "chat_template"}
        told |= {"tokenizer_config": tokens} if tokenizer else {}
        counts = self.parameters(commit)
        weights = {"safetensors": {"parameters": counts, "total": sum(counts.values())}} if counts else {}
        return ({"config": told} if told else {}) | weights

    def json_of(self, commit: Commit, path: str) -> dict:
        try:
            found = json.loads(self.hub.text(commit.tree.get(path)))
        except ValueError:  # not there, or damaged
            return {}
        return found if isinstance(found, dict) else {}

    def parameters(self, commit: Commit) -> dict[str, int]:
        """How many values of each type the model's own safetensors files hold, by their headers.

        One file or the shards of an index; others beside them (consolidated.safetensors) do not count.
        """
        counts: dict[str, int] = {}
        shards = "model-\\d+-of-\\d+" if "model.safetensors.index.json" in commit.tree else "(?:adapter_)?model"
        for path in [path for path in commit.tree if re.fullmatch(rf"{shards}\.safetensors", path)]:
            data = self.hub.blobs.get(commit.tree[path].key)
            try:
                header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
            except ValueError:  # damaged: the Hub says nothing of it
                return {}
            for tensor in (tensor for name, tensor in header.items() if name != "__metadata__"):
                counts[tensor["dtype"]] = counts.get(tensor["dtype"], 0) + math.prod(tensor["shape"])
        return counts

    def info(self, repo: Repo, commit: Commit, blobs: bool = False) -> dict:
        """What needs no more than the card and the tree."""
        card, files = self.hub.card(commit), sorted(commit.tree.items())
        details = [{"size": e.size, "blobId": e.oid, **e.lfs_info("sha256")} if blobs else {} for _, e in files]
        what = {"_id": repo.id, "id": repo.id, "author": repo.owner, "private": repo.private, "gated": repo.gated}
        what |= {"disabled": repo.disabled} | ({"archived": True} if repo.archived else {})
        when = {"sha": commit.oid, "createdAt": repo.created, "lastModified": commit.date}
        known = {key: card[key] for key in ("pipeline_tag", "library_name") if card.get(key)}
        known |= {"cardData": card} if card else {}  # a repo without metadata has none of these
        known |= {"model-index": card.get("model-index")} if repo.kind == "models" else {}
        tags = card_tags(card) + ["benchmark:official"] * self.is_official(repo)
        told = {"tags": tags, "usedStorage": sum(entry.size for _, entry in files)}
        siblings = [{"rfilename": path, **more} for (path, _), more in zip(files, details, strict=True)]
        counts = {"downloads": 0, "likes": 0, "trendingScore": repo.trending}
        return what | when | known | told | {"siblings": siblings} | counts | repo.about

    # Evaluation results and Benchmarks

    def tasks_of(self, repo: Repo) -> tuple[str, ...]:
        """Task ids of a Benchmark: of the eval.yaml on a dataset's main branch."""
        entry = repo.at("main").tree.get("eval.yaml") if repo.kind == "datasets" else None
        return benchmark_tasks(self.hub.text(entry)) if entry else ()

    def is_official(self, repo: Repo) -> bool:
        return bool(self.tasks_of(repo)) if repo.official is None else repo.official

    def tasks_of_id(self, dataset_id: str) -> tuple[str, ...]:
        repo = self.hub.repos.get(("datasets", dataset_id))
        return self.tasks_of(repo) if repo and self.is_official(repo) else ()

    def eval_results(self, repo: Repo, rev: str = "main") -> list[dict]:
        """Results of a revision; of main together with what open pull requests would add.

        Which faults make a file an `error`, and that a pull request shows only what is new, are guesses.
        """
        found = self.results_in(repo.at(rev).tree)
        if rev not in ("main", "refs/heads/main"):
            return found
        for pull in repo.discussions:
            if pull.base and pull.status in ("open", "draft"):
                changed = changes(repo.commits[pull.start].tree, repo.at(pull.ref).tree)
                new = self.results_in({path: entry for path, entry in changed.items() if entry})
                found += [{**item, "pullRequest": pull.num} for item in new if item not in found]
        return found

    def results_in(self, tree: dict[str, Entry]) -> list[dict]:
        """An item for each result of a file, or one for the first fault that the file has."""
        found = []
        for path in sorted(path for path in tree if re.fullmatch(r"\.eval_results/[^/]+\.yaml", path)):
            try:
                entries = eval_entries(self.hub.text(tree[path]), self.tasks_of_id)
            except ValueError as error:
                found.append({"filename": path, "error": str(error)})
                continue
            verified = [entry.get("verifyToken") in self.hub.verify_tokens for entry in entries]
            items = zip(verified, entries, strict=True)
            found += [{"filename": path, "verified": known, "data": entry} for known, entry in items]
        return found

    def leaderboard(self, call: Call) -> list[dict]:
        """Results of all models for a Benchmark's first task, the highest value first.

        `task_id`, which the client does not send, chooses another task: how the Hub ranks several tasks is a guess.
        A gated dataset's needs a login, but no access.
        """
        tasks = self.tasks_of_id(call.repo.id) if call.repo.kind == "datasets" else ()
        if call.repo.gated and call.token is None:
            raise HubError(401, f"Access to dataset {call.repo.id} is restricted.", "GatedRepo")
        if not tasks:
            raise HubError(404, f"Dataset {call.repo.id} does not have a leaderboard")
        task = call.arg("task_id", tasks[0])
        if task not in tasks:
            raise HubError(400, f'"task_id" must be one of [{", ".join(tasks)}]')
        shown = {repo.id for repo in self.ranked_models(call)}
        found = self.results_by_task().get((call.repo.id, task), [])
        rows = [self.leaderboard_row(repo, item) for repo, item in found if repo.id in shown]
        sign = 1 if call.repo.lower_is_better else -1
        rows.sort(key=lambda row: (sign * row["value"], row["modelId"], row["filename"]))
        return [{"rank": number, **row} for number, row in enumerate(rows, 1)]

    def results_by_task(self) -> dict[tuple[str, str], list[tuple[Repo, dict]]]:
        """All models' results by dataset and task, made once for each state of the Hub."""
        key = (self.hub.version, frozenset(self.hub.verify_tokens))
        if self.by_task[0] != key:
            found: dict = {}
            for repo in [repo for repo in self.hub.repos.values() if repo.kind == "models"]:
                for item in self.eval_results(repo):
                    if where := item.get("data", {}).get("dataset"):
                        found.setdefault((where["id"], where["task_id"]), []).append((repo, item))
            self.by_task = (key, found)
        return self.by_task[1]

    def ranked_models(self, call: Call) -> list[Repo]:
        """Models that the caller may see; without those made from another one, unless `base_model` is false."""
        models = [repo for repo in self.hub.repos.values() if repo.kind == "models"]
        models = [repo for repo in models if self.hub.permitted(call.token, repo, "read")]
        everything = call.arg("base_model").lower() == "false"
        return [repo for repo in models if everything or not self.hub.card(repo.at("main")).get("base_model")]

    def leaderboard_row(self, repo: Repo, item: dict) -> dict:
        data, kind = item["data"], self.entity_type(repo.owner)
        author = {"type": kind, "name": repo.owner, "fullname": repo.owner, "avatarUrl": ""}
        row = {"modelId": repo.id, "value": data["value"], "author": author}
        row |= {key: item[key] for key in ("filename", "verified", "pullRequest") if key in item}
        row |= {"notes": data["notes"]} if data.get("notes") else {}
        if source := data.get("source"):
            external = not source["url"].startswith((self.hub.url, "https://huggingface.co/"))
            row["source"] = {"url": source["url"], "name": source.get("name") or source["url"], "isExternal": external}
        return row

    def paged(self, call: Call, items: list, show: Callable = lambda item: item, page: int = PAGE) -> Answer:
        """One page of a listing; the Link header leads to the next, as GitHub's does."""
        start, size = int(call.arg("cursor", "0")), min(int(call.arg("limit", "0")) or page, page)
        headers = {}
        if start + size < len(items):
            query = urlencode({**call.query, "cursor": [str(start + size)]}, doseq=True)
            headers["Link"] = f'<{self.hub.url}{call.path}?{query}>; rel="next"'
        return json_answer([show(item) for item in items[start : start + size]], **headers)

    # Trees, refs and files

    def tree(self, call: Call, rev: str, path: str = "") -> Answer:
        files, inside, names = call.repo.at(rev).tree, f"{path}/" if path else "", set()
        for parts in (name[len(inside) :].split("/") for name in files if name.startswith(inside)):
            depths = range(1, len(parts) + 1) if call.flag("recursive") else [1]
            names |= {inside + "/".join(parts[:depth]) for depth in depths}
        if path and not names:
            raise HubError(404, f"{path} does not exist on {rev}", "EntryNotFound")
        infos = [path_info(files, name) for name in sorted(names)]
        if call.flag("expand"):
            history = call.repo.history(rev)
            infos = [info | {"lastCommit": last_commit(history, info["path"])} for info in infos]
        return self.paged(call, infos, page=PAGE_EXPANDED if call.flag("expand") else PAGE)

    def paths_info(self, call: Call, rev: str) -> list:
        files, wanted = call.repo.at(rev).tree, parse_qs(call.body.decode())["paths"]
        known = [name for name in wanted if name in files or any(path.startswith(f"{name}/") for path in files)]
        return [path_info(files, name) for name in known]

    def list_refs(self, call: Call) -> dict:
        def named(prefix: str, cut: str) -> list[dict]:
            refs = [(ref, oid) for ref, oid in call.repo.refs.items() if ref.startswith(prefix)]
            return [{"name": ref.removeprefix(cut), "ref": ref, "targetCommit": oid} for ref, oid in refs]

        pulls = {"pullRequests": named("refs/pr/", "refs/")} if call.flag("include_prs") else {}
        kinds = {"branches": "refs/heads/", "converts": "refs/convert/", "tags": "refs/tags/"}
        return {kind: named(start, start) for kind, start in kinds.items()} | pulls

    def create_branch(self, call: Call, rev: str) -> dict:
        return self.create_ref(call.repo, f"refs/heads/{rev}", call.json().get("startingPoint", "main"))

    def create_tag(self, call: Call, rev: str) -> dict:
        """The path names what is tagged, the body the tag."""
        return self.create_ref(call.repo, f"refs/tags/{call.json()['tag']}", rev)

    def create_ref(self, repo: Repo, ref: str, start: str) -> dict:
        if ref in repo.refs:
            raise HubError(409, f"Reference already exists: {ref.split('/', 2)[2]}")
        repo.refs[ref] = repo.at(start).oid
        return {}

    def list_commits(self, call: Call, rev: str) -> Answer:
        found = [(commit, {"title": commit.title, "message": commit.message}) for commit in call.repo.history(rev)]
        rows = [
            {"id": commit.oid, "authors": [{"user": commit.author}], "date": commit.date, **text}
            for commit, text in found
        ]
        return self.paged(call, rows)

    def entry(self, repo: Repo, rev: str, path: str) -> tuple[Commit, Entry]:
        commit = repo.at(rev)
        if path not in commit.tree:  # with the commit, so that the client may remember that there is no such file
            raise HubError(404, "Entry not found", "EntryNotFound", **{"X-Repo-Commit": commit.oid})
        return commit, commit.tree[path]

    def resolve(self, call: Call, rev: str, path: str) -> Answer:
        """Small files live on the Hub, one redirect away; LFS files at the CDN, which must not get the token."""
        commit, entry = self.entry(call.repo, rev, path)
        location = f"/api/resolve-cache/{call.repo.kind}/{call.repo.id}/{commit.oid}/{quote(path)}"
        about = {"X-Repo-Commit": commit.oid, "X-Linked-Size": str(entry.size), "X-Linked-ETag": f'"{entry.key}"'}
        about["Location"] = f"{self.hub.cdn_url}/lfs/{entry.lfs}" if entry.lfs else location
        about |= self.xet_headers(call.repo, commit, entry) if entry.lfs else {}
        return Answer(302 if entry.lfs else 307, b"", about)

    def xet_headers(self, repo: Repo, commit: Commit, entry: Entry) -> dict[str, str]:
        """What says that a large file is Xet's: its hash, and where a client that reads from there gets access."""
        access = f"{self.hub.url}/api/{repo.kind}/{repo.id}/xet-read-token/{commit.oid}"
        pieces = f"{self.hub.cas_url}/v2/reconstructions/{entry.xet_hash}"
        links = f'<{access}>; rel="xet-auth", <{pieces}>; rel="xet-reconstruction-info"'
        return {"X-Xet-Hash": entry.xet_hash, "Link": links}

    def resolve_cache(self, call: Call, rev: str, path: str) -> Answer:
        commit, entry = self.entry(call.repo, rev, path)
        headers = {"ETag": f'"{entry.oid}"', "X-Repo-Commit": commit.oid}
        return ranged(self.hub.blobs.get(entry.key), call.headers.get("range", ""), **headers)

    def raw(self, call: Call, rev: str, path: str) -> Answer:
        """A file as git has it, without a redirect; the client does not use this."""
        commit, entry = self.entry(call.repo, rev, path)
        data = lfs_pointer(entry.lfs, entry.size) if entry.lfs else self.hub.blobs.get(entry.key)
        return ranged(data, call.headers.get("range", ""), ETag=f'"{entry.oid}"', **{"X-Repo-Commit": commit.oid})

    # Writing: preupload, LFS, commit

    def may_commit(self, call: Call, ref: str) -> None:
        """The author of a pull request may add to it without any right on the repo."""
        own = [pull for pull in call.repo.discussions if pull.base and pull.ref == ref and pull.author == call.user]
        self.hub.require(call.token, call.repo, "discuss" if own else "write")

    def may_upload(self, call: Call, rev: str) -> None:
        if call.flag("create_pr"):
            self.hub.require(call.token, call.repo, "discuss")
        else:
            self.may_commit(call, call.repo.ref(rev))

    def preupload(self, call: Call, rev: str) -> dict:
        """How to send each file, and the id it has now: the client leaves out files whose id is the same."""
        tree = call.repo.at(rev).tree
        self.may_upload(call, rev)
        attributes, modes = self.hub.text(tree.get(".gitattributes")), []
        rules = call.json().get("gitIgnore", self.hub.text(tree.get(".gitignore")))
        for file in call.json()["files"]:
            lfs = goes_to_lfs(file["path"], file["size"], base64.b64decode(file.get("sample", "")), attributes)
            mode = {"path": file["path"], "uploadMode": "lfs" if lfs else "regular"}
            mode["shouldIgnore"] = ignored(file["path"], rules)  # the client leaves such a file out, without a word
            old = tree.get(file["path"])
            modes.append({**mode, "oid": old.key} if old else mode)
        return {"files": modes}

    def lfs_batch(self, call: Call) -> dict:
        """Without a ref any reader may upload: that is how the client sends the files of a new pull request."""
        wanted = call.json()
        if "ref" in wanted:
            self.may_commit(call, call.repo.ref(wanted["ref"]["name"]))
        objects = [{"oid": item["oid"], "size": item["size"]} for item in wanted["objects"]]
        for item in objects:
            if item["oid"] not in self.hub.blobs:
                verify = {"href": f"{self.hub.url}{call.repo.url_path}.git/info/lfs/verify"}
                item["actions"] = {"upload": {"href": f"{self.hub.cdn_url}/lfs/{item['oid']}"}, "verify": verify}
        return {"transfer": "basic", "objects": objects}

    def lfs_verify(self, call: Call) -> dict:
        """Where a damaged upload is noticed: what arrived must have the announced size and sha256."""
        oid, size = call.json()["oid"], call.json()["size"]
        data = self.hub.uploads.pop(oid, b"")
        if len(data) != size or hashlib.sha256(data).hexdigest() != oid:
            raise HubError(422, f"Verification failed: {len(data)} of {size} bytes arrived, or other ones")
        self.hub.blobs.put(lfs_entry(oid, size), data)
        return {}

    def cdn_get(self, call: Call, sha: str) -> Answer:
        if sha not in self.hub.blobs:
            raise HubError(404, "NoSuchKey")
        return ranged(self.hub.blobs.get(sha), call.headers.get("range", ""), ETag=f'"{sha}"')

    def cdn_put(self, call: Call, sha: str) -> Answer:
        self.hub.uploads[sha] = call.body
        return Answer(200, b"", {"ETag": f'"{hashlib.md5(call.body).hexdigest()}"'})

    def commit(self, call: Call, rev: str) -> dict:
        repo, lines = call.repo, [json.loads(line) for line in call.body.splitlines() if line.strip()]
        header, new_pr = lines[0]["value"], call.flag("create_pr")
        ref = repo.ref(rev)
        self.may_upload(call, rev)
        head, parent = repo.at(rev), header.get("parentCommit") or ""
        if not new_pr and not head.oid.startswith(parent):
            raise HubError(412, "A commit has happened since. Please refresh and try again.")
        start = repo.at(parent) if new_pr and parent else head
        tree = self.apply(start.tree, lines[1:])
        title, text = header["summary"], header.get("description", "")
        pull = repo.open_discussion(title, call.user, text or NEW_PR, "open", ref, start.oid) if new_pr else None
        commit = repo.add_commit(pull.ref if pull else ref, start, tree, title, text, call.user)
        url = self.hub.url + repo.url_path
        urls = {"commitUrl": f"{url}/commit/{commit.oid}", "commitOid": commit.oid, "hookOutput": ""}
        return {"success": True, **urls, **({"pullRequestUrl": f"{url}/discussions/{pull.num}"} if pull else {})}

    def apply(self, tree: dict[str, Entry], operations: list[dict]) -> dict[str, Entry]:
        """A tree with the operations of a commit done. Files that did not change make a commit all the same."""
        tree = dict(tree)
        for operation in operations:
            key, value = operation["key"], operation["value"]
            path = checked_path(value["path"])
            if key in ("deletedFile", "deletedFolder"):
                inside = f"{path}/" if key == "deletedFolder" else "\0"
                gone = [name for name in tree if name == path or name.startswith(inside)]
                if not gone:
                    raise HubError(404, f'A file with this name doesn\'t exist: "{path}"', "EntryNotFound")
                tree = {name: entry for name, entry in tree.items() if name not in gone}
            elif key == "lfsFile":
                if value["oid"] not in self.hub.blobs:
                    raise HubError(400, f"LFS pointer pointed to a file that does not exist: {path}")
                tree[path] = lfs_entry(value["oid"], len(self.hub.blobs.get(value["oid"])))
            else:
                tree[path] = self.regular(path, base64.b64decode(value["content"]))
        return tree

    def regular(self, path: str, data: bytes) -> Entry:
        if len(data) > MAX_REGULAR:
            raise HubError(400, f"{path} is larger than 10 MiB and must be uploaded through LFS")
        errors = card_problems(data.decode(errors="replace")) if path == "README.md" else []
        if errors:
            raise HubError(400, "Invalid metadata in README.md.\n" + "\n".join(errors))
        return self.hub.blobs.put(Entry(git_oid("blob", data), len(data)), data)

    # Discussions and pull requests

    def find_discussion(self, call: Call, num: str) -> Discussion:
        if not 1 <= int(num) <= len(call.repo.discussions):
            raise HubError(404, f"Discussion {num} not found")
        return call.repo.discussions[int(num) - 1]

    def list_discussions(self, call: Call) -> dict:
        """Newest first; "closed" includes merged, "open" includes drafts, as in the web page's two tabs."""
        statuses = {"open": ("open", "draft"), "closed": ("closed", "merged")}.get(call.arg("status"))
        wanted_type = {"pull_request": True, "discussion": False}.get(call.arg("type"))
        found = [
            self.summary(call.repo, item)
            for item in reversed(call.repo.discussions)
            if (statuses is None or item.status in statuses)
            and wanted_type in (None, item.base is not None)
            and call.arg("author", item.author) == item.author
        ]
        start = int(call.arg("p", "0")) * 50
        return {"discussions": found[start : start + 50], "count": len(found), "start": start}

    def summary(self, repo: Repo, item: Discussion) -> dict:
        about = {"num": item.num, "title": item.title, "author": {"name": item.author}, "createdAt": item.created}
        where = {"name": repo.id, "type": repo.kind[:-1]}
        role = self.hub.users.get(item.author, {}).get(repo.owner)  # an organization's member speaks for it
        about["repoOwner"] = {"name": repo.owner, "isDiscussionAuthor": item.author == repo.owner or role is not None}
        return {**about, "status": item.status, "isPullRequest": item.base is not None, "repo": where}

    def create_discussion(self, call: Call) -> dict:
        """A pull request made this way has no commit yet and is a draft."""
        wanted, pull = call.json(), bool(call.json().get("pullRequest"))
        if not 3 <= len(wanted["title"]) <= 200:
            raise HubError(400, "Title must be between 3 and 200 characters long")
        status, base = ("draft", "refs/heads/main") if pull else ("open", None)
        start = call.repo.at("main").oid
        made = call.repo.open_discussion(wanted["title"], call.user, wanted.get("description", ""), status, base, start)
        return {**self.summary(call.repo, made), "pullRequest": pull}

    def discussion(self, call: Call, num: str) -> dict:
        item, repo = self.find_discussion(call, num), call.repo
        details = {**self.summary(repo, item), "events": item.events}
        if item.base:
            changed = changes(repo.commits[item.start].tree, repo.at(item.ref).tree)
            details["changes"] = {"base": item.base, "mergeCommitId": item.merge_commit}
            details["filesWithConflicts"] = self.conflicts(repo, item, changed)
            if call.flag("diff"):
                details["diff"] = self.diff(repo.commits[item.start].tree, changed)
        return details

    def conflicts(self, repo: Repo, pull: Discussion, changed: dict[str, Entry | None]) -> list[str]:
        """Files that the base branch changed too, and differently."""
        old, new = repo.commits[pull.start].tree, repo.at(pull.base).tree
        both = [path for path in changed if new.get(path) not in (old.get(path), changed[path])]
        return both if pull.status != "merged" else []

    def diff(self, old: dict[str, Entry], changed: dict[str, Entry | None]) -> str:
        return "".join(file_diff(path, old.get(path), entry, self.hub.text) for path, entry in changed.items())

    def comment(self, call: Call, num: str) -> dict:
        return {"newMessage": self.find_discussion(call, num).say(call.user, call.json()["comment"])}

    def change_title(self, call: Call, num: str) -> dict:
        item, title = self.find_discussion(call, num), call.json()["title"]
        self.own(call, item)
        return {"newTitle": item.rename(call.user, title)}

    def change_status(self, call: Call, num: str) -> dict:
        item, wanted = self.find_discussion(call, num), call.json()
        self.own(call, item)
        if item.status == "merged" or wanted["status"] not in ("open", "closed"):
            raise HubError(400, f"Cannot change the status from {item.status} to {wanted['status']}")
        return {"newStatus": item.become(wanted["status"], call.user, wanted.get("comment") or "")}

    def own(self, call: Call, item: Discussion) -> None:
        if item.author != call.user:
            self.hub.require(call.token, call.repo, "write")

    def merge(self, call: Call, num: str) -> dict:
        """One commit on the base branch, with the pull request's title and number."""
        self.merge_pull(call.repo, self.find_discussion(call, num), call.user, call.json().get("comment") or "")
        return {}

    def merge_pull(self, repo: Repo, pull: Discussion, user: str, comment: str = "") -> None:
        if pull.base is None or pull.status != "open":
            raise HubError(400, f"Cannot merge: this is not an open pull request, but {pull.status}")
        changed = changes(repo.commits[pull.start].tree, repo.at(pull.ref).tree)
        if conflicts := self.conflicts(repo, pull, changed):
            raise HubError(409, f"Cannot merge, conflicting files: {', '.join(conflicts)}")
        base, titles = repo.at(pull.base), [e["data"]["subject"] for e in pull.events if e["type"] == "commit"]
        title, text = f"{pull.title} (#{pull.num})", "\n".join(f"- {title}" for title in titles)
        commit = repo.add_commit(pull.base, base, patched(base.tree, changed), title, text, user)
        pull.merge_commit = commit.oid
        pull.become("merged", user, comment)

    # Pages, so that the URLs which the client prints open in a browser

    def repo_page(self, call: Call, rev: str = "main") -> Answer:
        commit = call.repo.at(rev)
        files = "\n".join(f"{entry.size:>12,}  {path}" for path, entry in sorted(commit.tree.items()))
        history = "\n".join(f"{item.oid[:8]}  {item.title}" for item in call.repo.history(rev))
        readme = "" if call.repo.gated else self.hub.text(commit.tree.get("README.md"))
        return html_page(call.repo.id, ("Files", files), ("Commits", history), ("README.md", readme))

    def discussion_page(self, call: Call, num: str) -> Answer:
        call.query["diff"] = ["1"]
        details = self.discussion(call, num)
        comments = [event["data"]["latest"]["raw"] for event in details["events"] if event["type"] == "comment"]
        title = f"{call.repo.id} #{num}: {details['title']} ({details['status']})"
        return html_page(title, ("Comments", "\n\n".join(comments)), ("Changes", details.get("diff", "")))


def path_info(tree: dict[str, Entry], name: str) -> dict:
    if entry := tree.get(name):
        xet = {"xetHash": entry.xet_hash} if entry.lfs else {}
        return {"type": "file", "path": name, "size": entry.size, "oid": entry.oid, **entry.lfs_info("oid"), **xet}
    inside = sorted((path, entry.oid) for path, entry in tree.items() if path.startswith(f"{name}/"))
    return {"type": "directory", "path": name, "size": 0, "oid": git_oid("tree", repr(inside).encode())}


def last_commit(history: list[Commit], path: str) -> dict:
    """The newest commit that changed a file or something in a folder."""

    def under(commit: Commit) -> dict[str, Entry]:
        return {name: entry for name, entry in commit.tree.items() if name == path or name.startswith(f"{path}/")}

    older = [*history[1:], None]
    found = next(new for new, old in zip(history, older, strict=True) if old is None or under(new) != under(old))
    return {"id": found.oid, "title": found.title, "date": found.date}


def card_tags(card: dict) -> list[str]:
    values = [card.get(key) for key in ("tags", "language", "library_name", "pipeline_tag")]
    tags = [str(tag) for value in values for tag in (value if isinstance(value, list) else [value]) if tag is not None]
    return tags + ([f"license:{card['license']}"] if card.get("license") else [])


def checked_path(path: str) -> str:
    parts = path.rstrip("/").split("/")
    if any(part in ("", ".", "..", ".git") for part in parts) or "\\" in path:
        raise HubError(400, f"Invalid path: {path}")
    return "/".join(parts)
