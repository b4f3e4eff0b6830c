/** A server in a folder of its own, closed and removed with the test. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { Client } from '../../../kube/client.ts';
import { silentLogger } from '../../../kube/log.ts';
import { ApiServer, type ApiServerOptions } from '../../../local/apiserver/main.ts';

export async function temporaryFolder(t: Test): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'zeroth-api-'));
  t.teardown(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

export async function startServer(
  t: Test,
  options: Partial<ApiServerOptions> = {},
): Promise<{ server: ApiServer; client: Client; dir: string }> {
  const dir = options.dir ?? (await temporaryFolder(t));
  const server = await ApiServer.open({ admissions: [], log: silentLogger, ...options, dir });
  t.teardown(() => server.close());
  return { server, client: new Client(server.transport), dir };
}
