/** One request through the gateway. Anything but a whole, right answer rejects. */
import http from 'node:http';
import { WebSocket } from 'ws';

export interface Target {
  readonly port: number;
  /** Host name that the gateway routes by. */
  readonly host: string;
}

export interface Ask {
  readonly path: string;
  readonly body?: string;
  /** Absent: a connection of its own, closed after it. */
  readonly agent?: http.Agent;
  /** Nothing heard for so long is a failure, ms. */
  readonly patience?: number;
}

/** A request is held while pods start; on a machine that is busy otherwise that takes its time. */
const PATIENCE = 60_000;

/** @returns the body of a 200 */
export function ask({ port, host }: Target, { path, body, agent, patience = PATIENCE }: Ask): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = http.request({
      host: '127.0.0.1',
      port,
      path,
      method: body === undefined ? 'GET' : 'POST',
      headers: { host: `${host}:${port}` },
      agent: agent ?? false,
      timeout: patience,
    });
    request.on('timeout', () => request.destroy(new Error(`nothing heard for ${patience / 1000} s`)));
    request.on('error', (error) => {
      reject(request.reusedSocket ? new Error(`${error.message} on a connection used before`) : error);
    });
    request.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('error', reject);
      response.on('end', () => {
        if (!response.complete) reject(new Error('the answer was cut off'));
        else if (response.statusCode === 200) resolve(text);
        else reject(new Error(`answered ${response.statusCode}: ${text.slice(0, 200)}`));
      });
    });
    request.end(body);
  });
}

/** A WebSocket that is held for `seconds`, each message echoed before the next one; closed by this side. */
export function talk({ port, host }: Target, seconds: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`, {
      headers: { host: `${host}:${port}` },
      handshakeTimeout: PATIENCE,
    });
    const end = performance.now() + seconds * 1000;
    let number = 0;
    let closing = false;
    let late: NodeJS.Timeout | undefined;
    const send = (): void => {
      socket.send(`message ${++number}`);
      late = setTimeout(() => fail(new Error(`message ${number} was not echoed`)), PATIENCE);
    };
    const fail = (error: Error): void => {
      clearTimeout(late);
      reject(error);
      socket.terminate();
    };
    socket.on('open', send);
    socket.on('error', fail);
    socket.on('message', (data) => {
      clearTimeout(late);
      const text = (data as Buffer).toString();
      if (text !== `message ${number}`) return fail(new Error(`sent message ${number}, got ${JSON.stringify(text)}`));
      if (performance.now() < end) return void (late = setTimeout(send, 200));
      closing = true;
      socket.close();
    });
    socket.on('close', (code) => {
      clearTimeout(late);
      if (closing) resolve();
      else fail(new Error(`closed with ${code} after ${number} messages`));
    });
  });
}
