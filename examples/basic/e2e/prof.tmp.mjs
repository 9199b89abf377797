import {join, person, serve, shows} from './harness.js';
import {test} from 'node:test';
test('p', async () => {
  const {url} = await serve(['-rate', '0']);
  const alice = await join(await person(), url, 'Alice');
  const bob = await (await person()).newPage(); await bob.goto(url);
  const cdp = await alice.context().newCDPSession(alice);
  await cdp.send('Profiler.enable'); await cdp.send('Performance.enable', {timeDomain: 'threadTicks'});
  const m0 = Object.fromEntries((await cdp.send('Performance.getMetrics')).metrics.map(m=>[m.name,m.value]));
  await cdp.send('Profiler.start');
  const n = 5000;
  await bob.evaluate(async (n) => {
    const {connect} = await import('./chat.js');
    const c = connect('/', {username: 'Flood', room: 'general', sendTimeout: 120_000});
    await new Promise((resolve) => c.on('welcome', resolve));
    const acks = [];
    for (let i = 1; i <= n; i++) { acks.push(c.send(`number ${i} ${'lorem ipsum dolor sit amet '.repeat(i % 5)}`.trim())); if (i % 200 === 0) await Promise.all(acks.splice(0)); }
    await Promise.all(acks);
  }, n);
  await shows(alice, 'number '+n);
  const {profile} = await cdp.send('Profiler.stop');
  const m1 = Object.fromEntries((await cdp.send('Performance.getMetrics')).metrics.map(m=>[m.name,m.value]));
  for (const k of ['ScriptDuration','LayoutDuration','RecalcStyleDuration','TaskDuration','Timestamp','LayoutCount','RecalcStyleCount']) console.log(k, (m1[k]-m0[k]).toFixed(3));
  const self = new Map(); const dt = profile.timeDeltas; const byId = new Map(profile.nodes.map(n=>[n.id,n]));
  profile.samples.forEach((id,i)=>{const n=byId.get(id); const k=n.callFrame.functionName+' '+n.callFrame.url.split('/').pop()+':'+n.callFrame.lineNumber; self.set(k,(self.get(k)??0)+dt[i]/1000)});
  console.log([...self].sort((a,b)=>b[1]-a[1]).slice(0,22).map(([k,v])=>v.toFixed(0)+' ms '+k).join('\n'));
});
