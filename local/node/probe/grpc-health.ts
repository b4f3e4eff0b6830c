/** grpc.health.v1.Health/Check with the two messages encoded by hand. Source: grpc health checking protocol. */
import { connect, constants } from 'node:http2';
import type { ProbeResult } from './result.ts';

const SERVING = 1;
const PATH = '/grpc.health.v1.Health/Check';
/** An answer is a handful of bytes. */
const ANSWER_BYTES = 1024;

export function grpcHealth(host: string, port: number, service: string, timeout: number): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const session = connect(`http://${host.includes(':') ? `[${host}]` : host}:${port}`);
    const end = (result: ProbeResult): void => {
      clearTimeout(timer);
      session.destroy();
      resolve(result);
    };
    const fail = (message: string): void => end({ success: false, message });
    const timer = setTimeout(() => fail(`no answer within ${timeout} ms`), timeout);
    session.on('error', (error) => fail(error.message));
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: PATH,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const chunks: Buffer[] = [];
    let status: string | undefined;
    let message = '';
    const note = (headers: NodeJS.Dict<string | string[] | number>): void => {
      status = headers['grpc-status'] === undefined ? status : String(headers['grpc-status']);
      message = headers['grpc-message'] === undefined ? message : String(headers['grpc-message']);
    };
    stream.on('error', (error) => fail(error.message));
    stream.on('response', note);
    stream.on('trailers', note);
    stream.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      if (chunks.reduce((sum, one) => sum + one.length, 0) > ANSWER_BYTES) fail('the answer is too long');
    });
    stream.on('end', () => {
      if (status !== '0') return fail(`grpc status ${status ?? 'missing'}${message === '' ? '' : `: ${message}`}`);
      const serving = servingStatus(Buffer.concat(chunks));
      if (serving === SERVING) end({ success: true });
      else fail(`service unhealthy (responded with ${JSON.stringify(STATUS[serving] ?? serving)})`);
    });
    stream.end(frame(healthRequest(service)));
  });
}

const STATUS = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];

/** Field 1, a string. */
function healthRequest(service: string): Buffer {
  const name = Buffer.from(service);
  if (name.length === 0) return name;
  return Buffer.concat([Buffer.from([0x0a]), varint(name.length), name]);
}

/** Field 1, an enum; 0 when it is left out. */
function servingStatus(body: Buffer): number {
  const message = body.subarray(5);
  return message[0] === 0x08 ? (message[1] ?? 0) : 0;
}

function frame(message: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest & 127) | 128);
  }
}
