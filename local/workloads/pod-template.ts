/** Makes a pod of a controller's template. */
import { randomInt } from 'node:crypto';
import type { Pod, PodTemplateSpec } from '../../api/core.ts';
import type { KubeObject } from '../../api/object.ts';
import type { ResourceType } from '../../api/resource.ts';
import { controllerRef } from '../../kube/reconciler.ts';

const LETTERS = 'bcdfghjklmnpqrstvwxz2456789';
const LONGEST = 63;
const SUFFIX = 5;

/**
 * A pod as `owner` wants it. It is named here rather than by the server, so that it is known before it exists.
 * @param name the pod's full name, made from the owner's when absent
 */
export function makePod(
  owner: KubeObject,
  type: ResourceType,
  template: PodTemplateSpec | undefined,
  name?: string,
): Pod {
  const generateName = `${owner.metadata.name}-`;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: name ?? randomName(generateName),
      ...(name === undefined ? { generateName } : {}),
      namespace: owner.metadata.namespace,
      labels: template?.metadata?.labels,
      annotations: template?.metadata?.annotations,
      finalizers: template?.metadata?.finalizers,
      ownerReferences: [controllerRef(owner, type)],
    },
    spec: template?.spec,
  };
}

/** `base` and five random letters, cut as the API server cuts generated names. */
export function randomName(base: string): string {
  let suffix = '';
  for (let i = 0; i < SUFFIX; i++) suffix += LETTERS[randomInt(LETTERS.length)] ?? '';
  return base.slice(0, LONGEST - SUFFIX) + suffix;
}
