/**
 * The hash by which a prober recognises the version of an Ingress that a gateway serves: SHA-256 over the spec as Go
 * writes it, the namespace and the name. Source: knative.dev/networking pkg/ingress (behaviour).
 */
import { createHash } from 'node:crypto';
import type { Ingress, IngressPath, IngressSplit } from '../../api/networking/ingress.ts';

/** @returns 64 hexadecimal digits */
export function ingressHash({ metadata, spec }: Ingress): string {
  const text = goJson({
    tls: orAbsent(spec.tls)?.map(({ hosts, secretName, secretNamespace }) => ({
      hosts: orAbsent(hosts),
      secretName: orAbsent(secretName),
      secretNamespace: orAbsent(secretNamespace),
    })),
    rules: orAbsent(spec.rules)?.map(({ hosts, visibility, http }) => ({
      hosts: orAbsent(hosts),
      visibility: orAbsent(visibility),
      http: { paths: http.paths.map(path) },
    })),
    httpOption: orAbsent(spec.httpOption),
  });
  return createHash('sha256')
    .update(text + (metadata.namespace ?? '') + metadata.name)
    .digest('hex');
}

function path({ path: prefix, rewriteHost, headers, splits, appendHeaders }: IngressPath): unknown {
  return {
    path: orAbsent(prefix),
    rewriteHost: orAbsent(rewriteHost),
    headers: sorted(headers),
    splits: splits.map(split),
    appendHeaders: sorted(appendHeaders),
  };
}

function split({ serviceNamespace, serviceName, servicePort, percent, appendHeaders }: IngressSplit): unknown {
  return {
    serviceNamespace,
    serviceName,
    servicePort,
    percent: percent === 0 ? undefined : percent,
    appendHeaders: sorted(appendHeaders),
  };
}

/** Go leaves out empty values, and writes maps in the order of their keys. */
function orAbsent<T extends string | readonly unknown[]>(value: T | undefined): T | undefined {
  return value === undefined || value.length === 0 ? undefined : value;
}

function sorted<T>(map: Readonly<Record<string, T>> | undefined): Record<string, T> | undefined {
  const entries = Object.entries(map ?? {});
  if (entries.length === 0) return undefined;
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Go escapes what HTML gives a meaning to, and the two line separators of JavaScript. */
function goJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
