/** Reads and parses a request's body: bounded in size and time, JSON or YAML. */
import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import { ApiError, failure } from '../../../kube/errors.ts';
import { badRequest, tooLarge, unsupportedMediaType } from '../errors.ts';
import { copyJson } from '../json.ts';
import { messageOf } from '../../../kube/message.ts';

export const BODY_LIMIT = 3 * 1024 * 1024;
const BODY_TIME = 30_000;

/**
 * @param time what the whole body may take, ms
 * @throws ApiError 413, or 408 for a client that is too slow
 */
export function readBody(request: IncomingMessage | Http2ServerRequest, time = BODY_TIME): Promise<Buffer> {
  const declared = Number(request.headers['content-length'] ?? 0);
  if (declared > BODY_LIMIT) return Promise.reject(tooLarge(BODY_LIMIT));
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const timer = setTimeout(() => {
      finish();
      reject(new ApiError(failure(408, 'Timeout', 'the body of the request took too long to arrive')));
    }, time);
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size <= BODY_LIMIT) return void chunks.push(chunk);
      finish();
      reject(tooLarge(BODY_LIMIT));
    };
    const onEnd = (): void => {
      finish();
      resolve(Buffer.concat(chunks, size));
    };
    const onBroken = (): void => {
      finish();
      reject(badRequest('the connection ended before the body of the request did'));
    };
    const finish = (): void => {
      clearTimeout(timer);
      request
        .off('data', onData)
        .off('end', onEnd)
        .off('aborted', onBroken)
        .off('error', onBroken)
        .off('close', onBroken);
      // Later errors of a socket that goes away are nobody's.
      request.on('error', () => undefined);
      request.resume();
    };
    request.on('data', onData).on('end', onEnd).on('aborted', onBroken).on('error', onBroken).on('close', onBroken);
  });
}

const PROTOBUF = 'application/vnd.kubernetes.protobuf';
const JSON_TYPES = /^application\/(json|[\w.-]+\+json)$/;
const YAML_TYPES = /^application\/(yaml|[\w.-]+\+yaml)$/;

/**
 * @param contentType without it JSON is assumed
 * @throws ApiError 400 for what cannot be parsed, 415 for another type
 */
export async function parseBody(bytes: Buffer, contentType: string | undefined): Promise<unknown> {
  const type = (contentType ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  const isYaml = YAML_TYPES.test(type);
  if (type === PROTOBUF) {
    if (bytes.length === 0) return undefined;
    const { decodeProtobuf } = await import('./protobuf.ts');
    return copyJson(decodeProtobuf(bytes));
  }
  if (type !== '' && !isYaml && !JSON_TYPES.test(type))
    throw unsupportedMediaType(['application/json', 'application/yaml']);
  if (bytes.length === 0) return undefined;
  const text = bytes.toString('utf8');
  if (isYaml && !/^\s*[{[]/.test(text)) return copyJson(await parseYaml(text));
  try {
    return copyJson(JSON.parse(text));
  } catch (error) {
    if (error instanceof ApiError) throw error;
    if (isYaml) return copyJson(await parseYaml(text));
    throw badRequest(`couldn't get version/kind; json parse error: ${messageOf(error)}`);
  }
}

async function parseYaml(text: string): Promise<unknown> {
  const { parse } = await import('yaml');
  try {
    return parse(text, { maxAliasCount: 100 });
  } catch (error) {
    throw badRequest(`error converting YAML to JSON: ${messageOf(error)}`);
  }
}
