"""A plain and a chat.v1 client on Python's websockets. Argument: the server's URL."""
import asyncio
import json
import sys

import websockets


async def until(ws, kind):
    while True:
        o = json.loads(await asyncio.wait_for(ws.recv(), 20))
        if o["type"] == kind:
            return o


async def main():
    base = sys.argv[1].replace("http", "ws", 1) + "ws/interop?username="
    async with websockets.connect(base + "Plain", compression=None) as plain:
        assert plain.subprotocol is None
        async with websockets.connect(base + "V1", subprotocols=["chat.v1"]) as v1:
            assert v1.subprotocol == "chat.v1"
            welcome = await until(v1, "welcome")
            join = await until(plain, "system")
            assert join["message"] == "V1 joined the room", join
            await plain.send('{"looks":"like JSON"}')
            o = await until(v1, "message")
            while o["message"] != '{"looks":"like JSON"}':
                o = await until(v1, "message")
            assert o["username"] == "Plain" and o["user"] != welcome["user"]
            await (await v1.ping())
            await v1.send(json.dumps({"type": "message", "message": "ä" * 3000, "id": "p1"}))
            assert (await until(v1, "ack"))["id"] == "p1"
        leave = await until(plain, "system")
        assert leave["event"] == "leave", leave
        try:
            await plain.send(b"binary")
            await until(plain, "never")
        except websockets.ConnectionClosed as e:
            assert e.code == 1003, e
    print("ok")


asyncio.run(main())
