// The browsers' race in Node: gateways on loopback that answer late, never, or no. Usage: node race_module.mjs race.js
import http from 'node:http';
import {strict as assert} from 'node:assert';
import {pathToFileURL} from 'node:url';

const {fastestGateway, firstHops} = await import(pathToFileURL(process.argv[2]).href);
const servers = [];

// A gateway whose answers take so long; `status` 0: none.
function gateway(name, delay, status = 204) {
  return new Promise((resolve) => {
    const server = http.createServer((request, response) => {
      server.asked = (server.asked ?? 0) + 1;
      if (status === 0) return;
      setTimeout(() => response.writeHead(status, {'Access-Control-Allow-Origin': '*'}).end(), delay);
    });
    servers.push(server);
    server.listen(0, '127.0.0.1', () => resolve({
      gateway: name, ping: `http://127.0.0.1:${server.address().port}/ping`, server,
    }));
  });
}

async function timed(candidates, options) {
  const begun = performance.now();
  const race = await fastestGateway(candidates, options);
  return {...race, took: performance.now() - begun, names: race.ranking.map((each) => each.candidate.gateway)};
}

const near = await gateway('near', 15);
const middle = await gateway('middle', 70);
const far = await gateway('far', 200);
const dead = await gateway('dead', 0, 0);
const full = await gateway('full', 1, 503);
const gone = {gateway: 'gone', ping: 'http://127.0.0.1:1/ping'};
const silent = {gateway: 'without a ping'};

let race = await timed([far, middle, near]);
assert.equal(race.best, near);
assert.deepEqual(race.ranking.map((each) => each.state), ['done', 'slower', 'slower']);
assert.ok(race.ranking[0].rtt >= 14 && race.ranking[0].rtt < 60, `rtt ${race.ranking[0].rtt}`);
assert.equal(race.ranking[0].pings, 5);
assert.ok(race.took < 600, `nobody waits for the far one: ${race.took} ms`);

race = await timed([dead, gone, full, silent, middle]);
assert.equal(race.best, middle);
assert.ok(race.took < 1200, `nobody waits for the dead one: ${race.took} ms`);
assert.deepEqual(race.ranking.slice(1).map((each) => each.rtt), [null, null, null]);

// As near as the other but for its place in the list: the platform's order stands.
const twin = await gateway('twin', 15);
race = await timed([twin, near], {headStart: 40});
assert.equal(race.best, twin);

full.server.asked = 0;
await assert.rejects(fastestGateway([full, gone], {timeout: 300}), /no gateway answers/);
assert.equal(full.server.asked, 1);
await assert.rejects(fastestGateway([]), /no gateway answers/);

const list = http.createServer((request, response) => response.end(JSON.stringify({candidates: [{gateway: 'x'}]})));
servers.push(list);
await new Promise((resolve) => list.listen(0, '127.0.0.1', resolve));
assert.deepEqual(await firstHops(`http://127.0.0.1:${list.address().port}/v1/first-hops`), [{gateway: 'x'}]);

for (const server of servers) server.close(), server.closeAllConnections();
console.log('the race holds');
