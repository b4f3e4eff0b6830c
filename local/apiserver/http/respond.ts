/** Writes answers: JSON or YAML, as Table or metadata alone where the client asked for it, compressed when large. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { KubeObject } from '../../../api/object.ts';
import type { Status } from '../../../kube/errors.ts';
import { isObject } from '../json.ts';
import type { KindInfo } from '../registry.ts';
import { toTable, type TableKind } from '../table.ts';
import type { Query } from '../verbs/call.ts';
import type { Representation } from './accept.ts';

export type Request = IncomingMessage | Http2ServerRequest;
export type Response = ServerResponse | Http2ServerResponse;

const COMPRESSED_ABOVE = 128 * 1024;
const compress = promisify(gzip);

const SCALES: TableKind = { group: 'autoscaling', plural: 'scales' };

/** How objects of a kind look in the form that was negotiated. */
export function represent(info: KindInfo, form: Representation, query: Query, body: unknown): unknown {
  if (!isObject(body) || body.kind === 'Status') return body;
  const items = Array.isArray(body.items) && body.kind === info.listKind ? (body.items as KubeObject[]) : undefined;
  switch (form.form) {
    case 'table': {
      // The scale subresource has rows of its own, whatever it scales.
      const shown = body.apiVersion === 'autoscaling/v1' && body.kind === 'Scale' ? SCALES : info;
      const table = toTable(shown, items ?? [body as unknown as KubeObject], tableOptions(shown, query));
      if (items === undefined) return table;
      return { ...table, metadata: body.metadata };
    }
    case 'partial':
      if (items === undefined) return metadataOnly(body as unknown as KubeObject);
      return {
        kind: 'PartialObjectMetadataList',
        apiVersion: 'meta.k8s.io/v1',
        metadata: body.metadata,
        items: items.map(metadataOnly),
      };
    case 'json':
    case 'yaml':
    case 'discovery':
    default:
      // Items of Kubernetes' own lists do not repeat what the list says.
      if (items === undefined || info.custom !== undefined) return body;
      return { ...body, items: items.map((item) => ({ ...item, kind: undefined, apiVersion: undefined })) };
  }
}

export function tableOptions(info: Pick<KindInfo, 'columns'>, query: Query) {
  const wanted = query.includeObject;
  const includeObject: 'Metadata' | 'Object' | 'None' = wanted === 'Object' || wanted === 'None' ? wanted : 'Metadata';
  return { includeObject, columns: info.columns };
}

export function metadataOnly(object: KubeObject) {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata };
}

export function contentTypeOf(form: Representation): string {
  if (form.form === 'yaml') return 'application/yaml';
  if (form.form === 'discovery')
    return `application/json;g=apidiscovery.k8s.io;v=${form.version};as=APIGroupDiscoveryList`;
  return 'application/json';
}

export async function sendBody(
  request: Request,
  response: Response,
  status: number,
  form: Representation,
  body: unknown,
  headers: Readonly<Record<string, string | readonly string[]>> = {},
): Promise<void> {
  let text: string;
  if (form.form === 'yaml') {
    const { stringify } = await import('yaml');
    text = stringify(JSON.parse(JSON.stringify(body)));
  } else text = JSON.stringify(body);
  await sendText(request, response, status, contentTypeOf(form), text + '\n', headers);
}

export async function sendText(
  request: Request,
  response: Response,
  status: number,
  contentType: string,
  text: string,
  headers: Readonly<Record<string, string | readonly string[]>> = {},
): Promise<void> {
  await sendBytes(request, response, status, contentType, Buffer.from(text), headers);
}

export async function sendBytes(
  request: Request,
  response: Response,
  status: number,
  contentType: string,
  content: Buffer,
  headers: Readonly<Record<string, string | readonly string[]>> = {},
): Promise<void> {
  if (response.writableEnded || response.destroyed) return;
  response.statusCode = status;
  for (const [name, value] of Object.entries(headers)) setHeader(response, name, value);
  setHeader(response, 'content-type', contentType);
  setHeader(response, 'cache-control', 'no-cache, private');
  let bytes: Uint8Array = content;
  if (bytes.length > COMPRESSED_ABOVE && /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''))) {
    bytes = await compress(bytes, { level: 1 });
    setHeader(response, 'content-encoding', 'gzip');
    setHeader(response, 'vary', 'Accept-Encoding');
  }
  setHeader(response, 'content-length', String(bytes.length));
  response.end(bytes);
}

export async function sendStatus(request: Request, response: Response, status: Status): Promise<void> {
  const seconds = status.details?.retryAfterSeconds;
  const headers: Record<string, string> = {};
  if (seconds !== undefined) headers['retry-after'] = String(seconds);
  if (status.code === 401) headers['www-authenticate'] = 'Bearer realm="zeroth"';
  // What the client still sends of this request is not read.
  if (request.httpVersionMajor === 1 && (status.code === 413 || status.code === 408)) headers.connection = 'close';
  await sendBody(request, response, status.code ?? 500, { form: 'json', version: '' }, status, headers);
}

export function warningHeaders(warnings: readonly string[]): Record<string, string[]> {
  if (warnings.length === 0) return {};
  // A header holds printable ASCII only.
  const safe = (text: string) => text.replace(/[^\x20-\x7e]+/g, ' ').replace(/[\\"]/g, '\\$&');
  return { warning: [...new Set(warnings)].slice(0, 64).map((text) => `299 - "${safe(text).slice(0, 4096)}"`) };
}

export function writeText(response: Response, text: string): void {
  if ('stream' in response) response.write(text);
  else response.write(text);
}

/** Both kinds of response take it, under signatures that do not unite. */
export function setHeader(response: Response, name: string, value: string | readonly string[]): void {
  if ('stream' in response) response.setHeader(name, typeof value === 'string' ? value : [...value]);
  else response.setHeader(name, value);
}
