/** Exec over WebSocket channels. Source: Kubernetes' `v4.channel.k8s.io` and `v5.channel.k8s.io` protocols. */
import { PassThrough } from 'node:stream';
import type { WebSocket } from 'ws';
import { acceptWebSocket, bytesOf, channelWriter, CLOSE_CHANNEL, sendOn } from './channels.ts';
import { Resizer, type Ends, type Upgrade, type Wanted } from './exec-ends.ts';

const PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];
const [STDIN, STDOUT, STDERR, ERROR, RESIZE] = [0, 1, 2, 3, 4] as const;

/** @returns false when the client asks for something else; nothing is answered then */
export function serveWebSocketExec(upgrade: Upgrade, wanted: Wanted, start: (ends: Ends) => void): boolean {
  const { request, socket, head } = upgrade;
  return acceptWebSocket(request, socket, head, PROTOCOLS, (ws) => start(endsOf(ws, wanted)));
}

function endsOf(ws: WebSocket, wanted: Wanted): Ends {
  const gone = new AbortController();
  const stdin = wanted.stdin ? new PassThrough() : undefined;
  const resizer = new Resizer();
  ws.on('message', (data) => {
    const bytes = bytesOf(data);
    const content = bytes.subarray(1);
    switch (bytes[0]) {
      case STDIN:
        // An empty message is how some clients open the channel.
        if (stdin === undefined || content.length === 0 || stdin.writableEnded || stdin.destroyed) break;
        if (!stdin.write(content)) {
          const resume = (): void => {
            stdin.off('drain', resume).off('close', resume);
            ws.resume();
          };
          ws.pause();
          stdin.on('drain', resume).on('close', resume);
        }
        break;
      case RESIZE:
        resizer.take(content);
        break;
      case CLOSE_CHANNEL:
        if (content[0] === STDIN) stdin?.end();
        break;
      default:
    }
  });
  ws.on('close', () => {
    stdin?.end();
    gone.abort();
  });
  return {
    stdin,
    stdout: wanted.stdout ? channelWriter(ws, STDOUT) : undefined,
    stderr: wanted.stderr ? channelWriter(ws, STDERR) : undefined,
    onResize: wanted.tty ? resizer.onResize : undefined,
    signal: gone.signal,
    finish(status) {
      sendOn(ws, ERROR, Buffer.from(JSON.stringify(status)), () => ws.close(1000));
    },
  };
}
