/** Exec over SPDY streams, one for each of the process's own and one for how it ended. Source: Kubernetes' `v4.channel.k8s.io`. */
import { Resizer, type Ends, type Upgrade, type Wanted } from './exec-ends.ts';
import { serveSpdy, type SpdyStream } from './spdy.ts';
import { acceptSpdy } from './spdy-upgrade.ts';

const PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];
const OPENING_TIME = 30_000;

/** @returns false when the client asks for something else; nothing is answered then */
export function serveSpdyExec(upgrade: Upgrade, wanted: Wanted, start: (ends: Ends) => void): boolean {
  const { request, socket, head } = upgrade;
  return acceptSpdy(request, socket, head, PROTOCOLS, () => {
    const expected = ['error'];
    for (const name of ['stdin', 'stdout', 'stderr'] as const) if (wanted[name]) expected.push(name);
    if (wanted.tty) expected.push('resize');
    const streams = new Map<string, SpdyStream>();
    const late = setTimeout(() => socket.destroy(), OPENING_TIME);
    const gone = new AbortController();
    socket.on('close', () => {
      clearTimeout(late);
      gone.abort();
    });
    serveSpdy(socket, (stream, headers) => {
      streams.set(headers.get('streamtype') ?? '', stream);
      if (!expected.every((name) => streams.has(name))) return;
      clearTimeout(late);
      start(endsOf(streams, wanted, gone.signal, () => socket.end()));
    });
  });
}

function endsOf(streams: ReadonlyMap<string, SpdyStream>, wanted: Wanted, signal: AbortSignal, end: () => void): Ends {
  const resizer = new Resizer();
  streams.get('resize')?.on('data', (chunk: Buffer) => resizer.take(chunk));
  // The client half-closes its side of what only the server writes.
  for (const name of ['error', 'stdout', 'stderr']) streams.get(name)?.resume();
  return {
    stdin: streams.get('stdin'),
    stdout: streams.get('stdout'),
    stderr: streams.get('stderr'),
    onResize: wanted.tty ? resizer.onResize : undefined,
    signal,
    finish(status) {
      const error = streams.get('error');
      if (error === undefined || error.destroyed) end();
      else error.end(JSON.stringify(status), end);
    },
  };
}
