/** Typed verbs over a transport. Every method throws `ApiError` for an answer of 400 or above. */
import type { KubeObject } from '../api/object.ts';
import { apiVersionOf, resourcePath, type ResourceType } from '../api/resource.ts';
import { ApiError, asStatus, isNotFound } from './errors.ts';
import {
  APPLY_PATCH,
  JSON_PATCH,
  MERGE_PATCH,
  type ApiRequest,
  type Transport,
  type Watcher,
  type WatchHandle,
} from './transport.ts';

export interface ListOptions {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  limit?: number;
  continue?: string;
  resourceVersion?: string;
}

export interface ObjectList<T> {
  apiVersion: string;
  kind: string;
  metadata: { resourceVersion: string; continue?: string; remainingItemCount?: number };
  items: T[];
}

export interface DeleteOptions {
  propagationPolicy?: 'Foreground' | 'Background' | 'Orphan';
  gracePeriodSeconds?: number;
  uid?: string;
  resourceVersion?: string;
}

export class Client {
  readonly transport: Transport;

  constructor(transport: Transport) {
    this.transport = transport;
  }

  get<T extends KubeObject>(type: ResourceType<T>, namespace: string | undefined, name: string): Promise<T> {
    return this.#send<T>({ method: 'GET', path: resourcePath(type, namespace, name) });
  }

  /** Like `get`, with `undefined` for 404. */
  async find<T extends KubeObject>(
    type: ResourceType<T>,
    namespace: string | undefined,
    name: string,
  ): Promise<T | undefined> {
    try {
      return await this.get(type, namespace, name);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async list<T extends KubeObject>(type: ResourceType<T>, options: ListOptions = {}): Promise<ObjectList<T>> {
    const { namespace, limit, ...rest } = options;
    return this.#send({
      method: 'GET',
      path: resourcePath(type, namespace),
      query: { ...rest, limit: limit === undefined ? undefined : String(limit) },
    });
  }

  watch(
    type: ResourceType,
    options: {
      namespace?: string;
      labelSelector?: string;
      fieldSelector?: string;
      resourceVersion?: string;
      sendInitialEvents?: boolean;
    },
    watcher: Watcher,
  ): WatchHandle {
    const { namespace, sendInitialEvents, ...rest } = options;
    const query = {
      ...rest,
      watch: 'true',
      allowWatchBookmarks: 'true',
      sendInitialEvents: sendInitialEvents ? 'true' : undefined,
      resourceVersionMatch: sendInitialEvents ? 'NotOlderThan' : undefined,
    };
    return this.transport.watch({ method: 'GET', path: resourcePath(type, namespace), query }, watcher);
  }

  create<T extends KubeObject>(type: ResourceType<T>, object: T): Promise<T> {
    const body = { ...object, apiVersion: apiVersionOf(type), kind: type.kind };
    return this.#send<T>({ method: 'POST', path: resourcePath(type, object.metadata.namespace), body });
  }

  /** Fails with `Conflict` when `metadata.resourceVersion` is set and old. */
  update<T extends KubeObject>(type: ResourceType<T>, object: T, subresource?: 'status'): Promise<T> {
    const { namespace, name } = object.metadata;
    return this.#send<T>({ method: 'PUT', path: resourcePath(type, namespace, name, subresource), body: object });
  }

  patch<T extends KubeObject>(
    type: ResourceType<T>,
    namespace: string | undefined,
    name: string,
    patch: unknown,
    options: { contentType?: string; subresource?: string } = {},
  ): Promise<T> {
    const contentType = options.contentType ?? (Array.isArray(patch) ? JSON_PATCH : MERGE_PATCH);
    return this.#send<T>({
      method: 'PATCH',
      path: resourcePath(type, namespace, name, options.subresource),
      contentType,
      body: patch,
    });
  }

  /** Server-side apply. `force` takes over fields that other managers own. */
  apply<T extends KubeObject>(
    type: ResourceType<T>,
    object: T,
    options: { fieldManager: string; force?: boolean; subresource?: string },
  ): Promise<T> {
    const { namespace, name } = object.metadata;
    return this.#send<T>({
      method: 'PATCH',
      path: resourcePath(type, namespace, name, options.subresource),
      query: { fieldManager: options.fieldManager, force: options.force === false ? undefined : 'true' },
      contentType: APPLY_PATCH,
      body: { ...object, apiVersion: apiVersionOf(type), kind: type.kind },
    });
  }

  /** Returns false when the object was already gone. */
  async delete(
    type: ResourceType,
    namespace: string | undefined,
    name: string,
    options: DeleteOptions = {},
  ): Promise<boolean> {
    const { uid, resourceVersion, ...rest } = options;
    const preconditions = uid === undefined && resourceVersion === undefined ? undefined : { uid, resourceVersion };
    const body = { kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy: 'Background', ...rest, preconditions };
    try {
      await this.#send({ method: 'DELETE', path: resourcePath(type, namespace, name), body });
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  async #send<R>(request: ApiRequest): Promise<R> {
    const response = await this.transport.request(request);
    if (response.status >= 400) throw new ApiError(asStatus(response.status, response.body));
    return response.body as R;
  }
}
