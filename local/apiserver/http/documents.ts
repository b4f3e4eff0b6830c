/** Answers outside of resources: discovery, OpenAPI, version, health, metrics. */
import { createHash } from 'node:crypto';
import { methodNotAllowed, noSuchPath, notAcceptable } from '../errors.ts';
import { aggregated, apiGroup, groupList, legacyVersions, resourceList, VERSION } from '../discovery.ts';
import type { Metrics } from '../metrics.ts';
import type { Route } from '../routes.ts';
import { DEFAULT_AUDIENCE } from '../tokens.ts';
import type { Core } from '../verbs/call.ts';
import { ACCEPTED, negotiate, type Representation } from './accept.ts';
import { contentTypeOf, sendBody, sendBytes, sendText, setHeader, type Request, type Response } from './respond.ts';

const JSON_FORM: Representation = { form: 'json', version: '' };
const HEALTH: ReadonlySet<string> = new Set(['/healthz', '/livez', '/readyz']);

/** What a verifier of service account tokens asks for first. Source: OpenID Connect Discovery 1.0, section 4.2. */
function issuerDocument(host: string) {
  return {
    issuer: DEFAULT_AUDIENCE,
    jwks_uri: `https://${host}/openid/v1/jwks`,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
  };
}

export class Documents {
  readonly #core: Core;
  readonly #metrics: Metrics;
  /** Texts made for one revision of the registry. */
  #cache = new Map<string, string>();
  #revision = -1;

  constructor(core: Core, metrics: Metrics) {
    this.#core = core;
    this.#metrics = metrics;
  }

  /** May anybody ask for it? */
  isPublic(path: string): boolean {
    return HEALTH.has(path) || path === '/version' || path === '/version/';
  }

  /** @throws ApiError 404 for a path that is not one of these */
  async answer(request: Request, response: Response, route: Route, path: string): Promise<void> {
    if (request.method !== 'GET' && request.method !== 'HEAD') throw methodNotAllowed();
    const kinds = this.#core.registry.all();
    switch (route.type) {
      case 'legacyVersions':
      case 'groups': {
        const form = negotiate(request.headers.accept, true);
        if (form === undefined) throw notAcceptable(ACCEPTED);
        if (form.form === 'discovery')
          return this.#cached(request, response, `${route.type} ${form.version}`, form, () =>
            aggregated(kinds, route.type === 'groups' ? 'groups' : 'core', form.version),
          );
        return this.#cached(request, response, route.type, JSON_FORM, () =>
          route.type === 'groups' ? groupList(kinds) : legacyVersions(),
        );
      }
      case 'group': {
        const group = apiGroup(kinds, route.group);
        if (group === undefined) throw noSuchPath();
        return sendBody(request, response, 200, JSON_FORM, group);
      }
      case 'version': {
        const list = resourceList(kinds, route.group, route.version);
        if (list === undefined) throw noSuchPath();
        return sendBody(request, response, 200, JSON_FORM, list);
      }
      case 'resource':
      case 'other':
      default:
        return this.#other(request, response, path);
    }
  }

  async #other(request: Request, response: Response, path: string): Promise<void> {
    if (HEALTH.has(path)) return this.#health(request, response, path);
    if (path.startsWith('/openapi/')) return this.#openapi(request, response, path);
    switch (path) {
      case '/':
        return sendBody(request, response, 200, JSON_FORM, { paths: this.#paths() });
      case '/version':
      case '/version/':
        return sendBody(request, response, 200, JSON_FORM, { ...VERSION, goVersion: process.version });
      case '/metrics': {
        const { registry } = this.#metrics;
        if (registry === undefined) throw noSuchPath();
        return sendText(request, response, 200, registry.contentType, await registry.metrics());
      }
      case '/.well-known/openid-configuration':
        return sendBody(request, response, 200, JSON_FORM, issuerDocument(String(request.headers.host ?? '')));
      case '/openid/v1/jwks':
        return sendBody(request, response, 200, JSON_FORM, this.#core.tokens.jwks());
      default:
        throw noSuchPath();
    }
  }

  /** A server that can only read is alive and not ready. */
  #health(request: Request, response: Response, path: string): Promise<void> {
    const failed = path !== '/livez' && this.#core.store.failure !== undefined;
    const verbose = failed || /[?&]verbose\b/.test(request.url ?? '');
    const check = path.slice(1);
    const lines = [
      '[+]ping ok',
      failed ? '[-]storage failed' : '[+]storage ok',
      `${check} check ${failed ? 'failed' : 'passed'}`,
    ];
    const text = verbose ? lines.join('\n') + '\n' : 'ok';
    return sendText(request, response, failed ? 500 : 200, 'text/plain; charset=utf-8', text);
  }

  async #openapi(request: Request, response: Response, path: string): Promise<void> {
    const accept = request.headers.accept ?? '';
    if (path === '/openapi/v2' && accept.includes('protobuf')) {
      const { OPENAPI_PROTOBUF, openapiV2Protobuf } = await import('./openapi-protobuf.ts');
      const bytes = openapiV2Protobuf(this.#core.registry.all());
      return sendBytes(request, response, 200, OPENAPI_PROTOBUF, bytes);
    }
    if (negotiate(accept) === undefined) throw notAcceptable(ACCEPTED);
    const { openapiV2, openapiV3Document, openapiV3Index } = await import('../openapi/main.ts');
    const kinds = this.#core.registry.all();
    if (path === '/openapi/v2') return this.#cached(request, response, path, JSON_FORM, () => openapiV2(kinds));
    if (path === '/openapi/v3') return this.#cached(request, response, path, JSON_FORM, () => openapiV3Index(kinds));
    const match = /^\/openapi\/v3\/(?:api\/([^/]+)|apis\/([^/]+)\/([^/]+))$/.exec(path);
    if (match === null) throw noSuchPath();
    const group = match[2] ?? '';
    const version = match[1] ?? match[3] ?? '';
    if (!kinds.some((info) => info.group === group && info.version === version)) throw noSuchPath();
    return this.#cached(request, response, path, JSON_FORM, () => openapiV3Document(group, version, kinds));
  }

  async #cached(
    request: Request,
    response: Response,
    key: string,
    form: Representation,
    make: () => unknown,
  ): Promise<void> {
    const { revision } = this.#core.registry;
    if (this.#revision !== revision) {
      this.#cache.clear();
      this.#revision = revision;
    }
    let text = this.#cache.get(key);
    if (text === undefined) {
      text = JSON.stringify(await make());
      this.#cache.set(key, text);
    }
    const etag = `"${createHash('sha256').update(text).digest('hex').slice(0, 32)}"`;
    setHeader(response, 'etag', etag);
    setHeader(response, 'vary', 'Accept');
    if (request.headers['if-none-match'] === etag) {
      response.statusCode = 304;
      response.end();
      return;
    }
    await sendText(request, response, 200, contentTypeOf(form), text);
  }

  #paths(): string[] {
    const versions = new Set(
      this.#core.registry
        .all()
        .map(({ group, version }) => (group === '' ? `/api/${version}` : `/apis/${group}/${version}`)),
    );
    return ['/api', '/apis', ...versions, ...HEALTH, '/metrics', '/openapi/v2', '/openapi/v3', '/version'];
  }
}
