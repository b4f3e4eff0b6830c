/** Request headers that travel with an event to its subscribers. Source: knative/eventing pkg/utils (behaviour). */
import type { IncomingHttpHeaders } from 'node:http';

const NAMES = new Set(['x-request-id', 'retry-after', 'traceparent', 'tracestate']);
const PREFIXES = ['knative-', 'x-b3-'];
const LARGEST = 4_096;

/** Undefined when there are none. Values beyond 4 KiB together are left out. */
export function passThroughHeaders(headers: IncomingHttpHeaders): Record<string, string> | undefined {
  let kept: Record<string, string> | undefined;
  let size = 0;
  for (const name in headers) {
    if (!NAMES.has(name) && !PREFIXES.some((prefix) => name.startsWith(prefix))) continue;
    const value = headers[name];
    const text = Array.isArray(value) ? value.join(', ') : (value ?? '');
    size += name.length + text.length;
    if (size > LARGEST) break;
    kept ??= {};
    kept[name] = text;
  }
  return kept;
}
