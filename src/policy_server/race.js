// Which of several gateways is nearest to this browser, measured from here. No dependencies.
//
//   import {firstHops, fastestGateway} from 'https://policy.example.com/race.js';
//   const race = await fastestGateway(await firstHops('https://policy.example.com/v1/first-hops'));
//   race.best.sip    // where to call
//   race.ranking     // [{candidate, rtt, pings, lost, state}], the best first; rtt in ms, null where nothing came
//
// Every candidate is asked by small requests to its `ping`: one that opens the connection and does not count, then
// `rounds`, whose median counts. Each starts `headStart` ms after the one before it in the list, and the first of the
// list, which the platform would choose, wins against one that is not faster by more than that. Who is faster than
// the first to finish needs no longer than that one did, so nobody is waited for longer. A dead gateway costs nothing
// but its place; one that takes no calls (503) is out.

export async function firstHops(url) {
  const answer = await fetch(url, {cache: 'no-store', credentials: 'omit'});
  if (!answer.ok) throw new Error(`${url}: status ${answer.status}`);
  return (await answer.json()).candidates;
}

export async function fastestGateway(candidates, {rounds = 5, timeout = 2000, headStart = 10} = {}) {
  const settings = {rounds, timeout, headStart};
  const runners = candidates.filter((each) => each.ping).map((candidate, place) => ({
    candidate, place, rtts: [], lost: 0, state: 'waiting', begun: 0, stop: new AbortController(),
  }));
  await Promise.all(runners.map(async (runner) => {
    await run(runner, settings);
    if (runner.state === 'done') hurry(runners, performance.now() - runner.begun, settings);
  }));
  const ranking = runners.sort((x, y) => score(x, settings) - score(y, settings)).map((runner) => ({
    candidate: runner.candidate,
    rtt: median(runner.rtts),
    pings: runner.rtts.length,
    lost: runner.lost,
    state: runner.state,
  }));
  if (!ranking.some((each) => each.state === 'done')) throw new Error('no gateway answers');
  return {best: ranking[0].candidate, ranking};
}

async function run(runner, {rounds, timeout, headStart}) {
  const {signal} = runner.stop;
  runner.begun = performance.now() + runner.place * headStart;
  await pause(runner.place * headStart, signal);
  try {
    runner.state = 'out';
    await ping(runner, timeout);
    for (let round = 0; round < rounds; ++round) {
      try {
        runner.rtts.push(await ping(runner, timeout));
      } catch (error) {
        if (signal.aborted || error.isClosed || ++runner.lost > rounds / 2) throw error;
      }
    }
    runner.state = 'done';
  } catch (error) {
    if (error.isClosed) runner.rtts = [];
    if (signal.aborted) runner.state = 'slower';
  }
}

async function ping({candidate, stop}, timeout) {
  const late = new AbortController();
  const end = () => late.abort();
  const timer = setTimeout(end, timeout);
  stop.signal.addEventListener('abort', end);
  try {
    if (stop.signal.aborted) end();
    const begun = performance.now();
    const answer = await fetch(candidate.ping, {cache: 'no-store', credentials: 'omit', signal: late.signal});
    const took = performance.now() - begun;
    if (!answer.ok) throw Object.assign(new Error(`status ${answer.status}`), {isClosed: true});
    return took;
  } finally {
    clearTimeout(timer);
    stop.signal.removeEventListener('abort', end);
  }
}

// The first has finished: the others get as long as it took, each from its own start.
function hurry(runners, took, {headStart}) {
  for (const runner of runners) {
    if (runner.state === 'done' || runner.hurried) continue;
    runner.hurried = true;
    const left = runner.begun + took + headStart - performance.now();
    setTimeout(() => runner.stop.abort(), Math.max(0, left));
  }
}

function pause(length, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, length);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function median(values) {
  if (values.length === 0) return null;
  const sorted = [...values].sort((x, y) => x - y);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// Lower is better: who has finished before who has not, then by the median.
function score({state, rtts, place}, {headStart}) {
  const group = state === 'done' ? 0 : rtts.length > 0 ? 1e6 : 2e6;
  return group + (median(rtts) ?? 0) + (place > 0 ? headStart : 0);
}
