"""Plays recorded sessions of interop/vectors: see the README there. It uses nothing of this
repository's clients. Arguments: the server's program, and the files."""
import asyncio
import copy
import datetime
import http.client
import json
import re
import sys
import threading
import urllib.parse

import websockets

PATIENCE = 60  # the longest time of a step, in seconds
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
PLACEHOLDER = re.compile(r"\$\{([A-Za-z0-9_.:]+)\}")


class Unlike(Exception):
    """Something differs from what is expected."""


def need(ok, what):
    if not ok:
        raise Unlike(what)


class Names:
    """What the names in a session stand for."""

    def __init__(self):
        self.values = {}

    def fill(self, text):
        def value(m):
            name = m[1]
            if not name.startswith("ms:"):
                return self.values[name]
            at = datetime.datetime.fromisoformat(self.values[name[3:]].replace("Z", "+00:00"))
            return str(round(at.timestamp() * 1000))

        return PLACEHOLDER.sub(value, text)

    def match(self, pattern, value):
        """Compares a value with its pattern, whose names it sets if they are equal."""
        before = dict(self.values)
        try:
            self.compare("", pattern, value)
        except Unlike as e:
            self.values = before
            raise Unlike(f"{e} in {json.dumps(value)}") from None

    def compare(self, at, pattern, value):
        unlike = f"{at} is {json.dumps(value)}, but expected is {json.dumps(pattern)}"
        if pattern == "${int}":
            need(type(value) is int and value >= 0, unlike)
        elif isinstance(pattern, str):
            need(isinstance(value, str) and self.matches(pattern, value), unlike)
        elif isinstance(pattern, dict):
            need(isinstance(value, dict) and pattern.keys() == value.keys(), unlike)
            for key in pattern:
                self.compare(f"{at}/{key}", pattern[key], value[key])
        elif isinstance(pattern, list):
            need(isinstance(value, list) and len(pattern) == len(value), unlike)
            for i, (p, v) in enumerate(zip(pattern, value)):
                self.compare(f"{at}/{i}", p, v)
        else:  # for Python, True equals 1
            need(pattern == value and isinstance(pattern, bool) == isinstance(value, bool), unlike)

    def matches(self, pattern, value):
        form, names, start = "", [], 0
        for m in PLACEHOLDER.finditer(pattern):
            form += re.escape(pattern[start : m.start()])
            start = m.end()
            timed = m[1].startswith("time:")
            name = m[1][5:] if timed else m[1]
            if name == "time":
                form += TIME
            elif name == "text":
                form += "(?s:.*)"
            elif name in self.values:
                form += re.escape(self.values[name])
            else:
                names.append(name)
                form += f"({TIME})" if timed else "([^:]+)"
        found = re.fullmatch(form + re.escape(pattern[start:]), value)
        if found:
            self.values.update(zip(names, found.groups()))
        return found is not None


class Peer:
    """A connection. What it has received waits in a queue until a step expects it: ("object", value),
    or ("closed", code, reason) or ("end",)."""

    def __init__(self):
        self.queue = asyncio.Queue()

    async def next(self):
        return await asyncio.wait_for(self.queue.get(), PATIENCE)

    async def object(self):
        kind, *value = await self.next()
        need(kind == "object", f"the connection has ended: {kind} {value}")
        return value[0]

    async def end(self, *want):
        got = await self.next()
        need(got[: len(want)] == want, f"in place of {want} comes {got}")


class Socket(Peer):
    async def open(self, url, protocols, headers):
        self.ws = await websockets.connect(
            url.replace("http", "ws", 1), subprotocols=protocols or None, extra_headers=headers, compression=None, max_queue=None, ping_interval=None
        )
        need(self.ws.subprotocol == ("chat.v1" if "chat.v1" in protocols else None), f"the subprotocol is {self.ws.subprotocol}")
        self.reading = asyncio.create_task(self.read())

    async def read(self):
        try:
            while True:
                text = await self.ws.recv()
                self.queue.put_nowait(("object", json.loads(text)) if isinstance(text, str) else ("a binary frame",))
        except websockets.ConnectionClosed as e:
            self.queue.put_nowait(("closed", e.rcvd.code if e.rcvd else 1006, e.rcvd.reason if e.rcvd else ""))

    async def send(self, step, text):
        if "binary" in step:
            await self.ws.send(bytes.fromhex(step["binary"]))
        elif "hex" in step:  # what may be no text
            await self.ws.write_frame(True, 0x1, bytes.fromhex(step["hex"]))
        else:
            await self.ws.send(text)

    async def close(self, code):
        await self.ws.close(code)

    async def cut(self):
        self.ws.transport.abort()


class Stream(Peer):
    async def open(self, url, headers):
        at = urllib.parse.urlsplit(url)
        self.conn = http.client.HTTPConnection(at.hostname, at.port)
        answer = await asyncio.to_thread(self.ask, f"{at.path}?{at.query}", headers)
        need(answer.status == 200, f"no event stream, but {answer.status}")
        loop = asyncio.get_running_loop()
        put = lambda received: loop.call_soon_threadsafe(self.queue.put_nowait, received)
        threading.Thread(target=self.read, args=(answer, put), daemon=True).start()

    def ask(self, target, headers):
        self.conn.request("GET", target, headers=headers)
        self.sock = self.conn.sock  # the answer takes the socket over
        return self.conn.getresponse()

    def read(self, answer, put):
        record = {}
        try:
            for line in answer:
                line = line.decode().rstrip("\n")
                name, _, value = line.partition(": ")
                if line == "" and record:
                    put(("object", record))
                    record = {}
                elif line and name:
                    record[name] = value if name == "id" else json.loads(value)
            put(("end",))
        except (OSError, ValueError, http.client.HTTPException) as e:
            try:
                put(("lost", str(e)))
            except RuntimeError:
                pass  # the session is over, and so is the loop

    async def cut(self):
        try:
            self.sock.shutdown(2)
        except OSError:
            pass  # the server was first


class Player:
    def __init__(self, url):
        self.url = url
        self.names = Names()
        self.peers = {}

    def headers(self, step):
        return {name: self.names.fill(value) for name, value in step.get("headers", {}).items()}

    def text(self, value):
        return self.names.fill(value if isinstance(value, str) else json.dumps(value))

    async def open(self, step, _):
        url, headers = self.url + self.names.fill(step["path"]), self.headers(step)
        if step.get("events"):
            peer = Stream()
            await peer.open(url, headers)
        else:
            peer = Socket()
            await peer.open(url, [self.names.fill(p) for p in step.get("protocols", [])], headers)
        self.peers[step["open"]] = peer

    async def send(self, step, peer):
        text = self.text(step["object"]) if "object" in step else step.get("text", "x" * step.get("fill", 0))
        await peer.send(step, text)

    async def expect(self, step, peer):
        for pattern in step.get("objects", []):
            self.names.match(pattern, await peer.object())
        left = copy.copy(step.get("unordered", []))
        while left:
            o = await peer.object()
            like = next((p for p in left if self.is_like(p, o)), None)
            need(like, f"{json.dumps(o)} is not among the expected objects")
            left.remove(like)
        if step.get("end"):
            await peer.end("end")
        if "closed" in step:
            await peer.end("closed", step["closed"], *([step["reason"]] if "reason" in step else []))

    def is_like(self, pattern, value):
        try:
            self.names.match(pattern, value)
            return True
        except Unlike:
            return False

    async def close(self, step, peer):
        code = step.get("code", 1000)
        await peer.close(code)
        await peer.end("closed", code)

    async def cut(self, _, peer):
        await peer.cut()

    async def request(self, step, _):
        method, path = step["request"].split(" ")
        body = self.text(step["body"]).encode() if "body" in step else None
        answer, text = await asyncio.to_thread(self.ask, method, self.names.fill(path), body, self.headers(step))
        need(answer.status == step["status"], f"the answer is {answer.status} {text}")
        for name, pattern in step.get("answered", {}).items():
            value = answer.getheader(name)
            self.names.match(pattern, int(value) if pattern == "${int}" else value)
        if text or "answer" in step:
            self.names.match(step.get("answer"), json.loads(text))

    def ask(self, method, path, body, headers):
        conn = http.client.HTTPConnection(urllib.parse.urlsplit(self.url).netloc, timeout=PATIENCE)
        try:
            conn.request(method, path, body, headers)
            answer = conn.getresponse()
            return answer, answer.read().decode()
        finally:
            conn.close()

    async def play(self, steps):
        try:
            for i, step in enumerate(steps):
                kind = next(k for k in ("open", "send", "expect", "close", "cut", "request") if k in step)
                for _ in range(step.get("repeat", 1)):
                    try:
                        await getattr(self, kind)(step, self.peers.get(step[kind]))
                    except Exception as e:
                        raise Unlike(f"step {i + 1}, {json.dumps(step)}: {e!r}") from e
        finally:
            for peer in self.peers.values():
                await peer.cut()


async def main(binary, files):
    for file in files:
        server = await asyncio.create_subprocess_exec(binary, file, stdout=asyncio.subprocess.PIPE)
        try:
            url = (await server.stdout.readline()).decode().strip()
            with open(file, encoding="utf-8") as f:
                await Player(url).play(json.load(f)["steps"])
            print("ok", file, flush=True)
        except Unlike as e:
            sys.exit(f"{file}: {e}")
        finally:
            server.kill()
            await server.wait()


asyncio.run(main(sys.argv[1], sys.argv[2:]))
