from tests.e2e.scene import *
from tests.e2e.harness import approved
async def test_probe(scene):
    import random
    rng=random.Random(3)
    for n in range(60):
        call={**scene.write(),"body":{"n":n}}
        a=await approved(scene.running.person, scene.http, call)
        r=await scene.proxy({**call,"approval_id":a}); assert r.status_code==200,(n,r.text)
        r=await scene.proxy({**call,"approval_id":a}); assert r.status_code==200,(n,r.text)
        r=await scene.proxy(scene.read()); assert r.status_code==200,(n,r.text)
        scene.running.system.advance(rng.uniform(0,200))
        if n%4==0: await unlock(scene.running)
