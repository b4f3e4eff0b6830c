/** The objects that every instance has: CRDs, namespaces, default ConfigMaps. Read from dist/ (JSON), else from config/. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KubeObject } from '../api/object.ts';
import { packageRoot } from './package-root.ts';

export interface Manifests {
  readonly crds: readonly KubeObject[];
  readonly core: readonly KubeObject[];
  readonly local: readonly KubeObject[];
}

export async function loadManifests(): Promise<Manifests> {
  const built = join(packageRoot(), 'dist', 'manifests.json');
  if (existsSync(built)) return JSON.parse(readFileSync(built, 'utf8')) as Manifests;
  const { parseAllDocuments } = await import('yaml');
  const read = (folder: string): KubeObject[] => {
    const dir = join(packageRoot(), 'config', folder);
    return readdirSync(dir, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.yaml'))
      .sort()
      .flatMap((name) => parseAllDocuments(readFileSync(join(dir, name), 'utf8')))
      .map((document) => document.toJS() as KubeObject | null)
      .filter((object) => object !== null);
  };
  return { crds: read('crds'), core: read('core'), local: read('local') };
}
