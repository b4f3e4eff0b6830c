/**
 * The one seam between controllers and an API server. `HttpTransport` speaks to any Kubernetes; the embedded API
 * server offers the same interface in-process, so that the control process pays neither TLS nor JSON.
 */
import type { KubeObject } from '../api/object.ts';
import type { Status } from './errors.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export const JSON_PATCH = 'application/json-patch+json';
export const MERGE_PATCH = 'application/merge-patch+json';
export const STRATEGIC_PATCH = 'application/strategic-merge-patch+json';
export const APPLY_PATCH = 'application/apply-patch+yaml';

export interface ApiRequest {
  readonly method: Method;
  /** Absolute REST path without query, percent-encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  /** For PATCH: one of the patch types. Everything else is application/json. */
  readonly contentType?: string;
  /** JSON value, taken over by copy: the caller may change it afterwards. */
  readonly body?: unknown;
}

export interface ApiResponse {
  readonly status: number;
  /** Parsed JSON (an object, a list or a Status). Shared and frozen when it comes from the embedded server. */
  readonly body: unknown;
  /** Texts of `Warning` headers. */
  readonly warnings?: readonly string[];
}

export type WatchEvent<T extends KubeObject = KubeObject> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  | { readonly type: 'BOOKMARK'; readonly object: KubeObject }
  | { readonly type: 'ERROR'; readonly object: Status };

export interface Watcher {
  onEvent(event: WatchEvent): void;
  /** Called once: the stream ended, with the reason when it failed to start or broke. Not called after `close()`. */
  onEnd(error?: Error): void;
}

export interface WatchHandle {
  close(): void;
}

export interface Transport {
  /** Rejects only when no answer could be had; an HTTP error is an `ApiResponse`. */
  request(request: ApiRequest, signal?: AbortSignal): Promise<ApiResponse>;
  /** GET with `watch=true`. In-process, events are delivered before the write that caused them resolves. */
  watch(request: ApiRequest, watcher: Watcher): WatchHandle;
}
