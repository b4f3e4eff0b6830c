/**
 * Claims a /16 of the loopback range for one instance, so that several on one machine never meet. The claim is a
 * listening socket: it ends with the process, however that ends.
 */
import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import type { InstanceNetwork } from '../api/zeroth.ts';
import { CommandError, errorCode } from './errors.ts';

/** One that nothing common listens on at all addresses, as a kubelet does at 10250. */
const CLAIM_PORT = 17_250;
const FIRST = 16;
const COUNT = 224;

export interface Claim extends InstanceNetwork {
  release(): void;
}

/**
 * @param seed decides which range is tried first, so that a state folder keeps its addresses
 * @param httpPort the gateway's external port (0 = any): the cluster port where 80 cannot be had
 */
export async function claimNetwork(seed: string, httpPort: number): Promise<Claim> {
  const start = createHash('sha256').update(seed).digest().readUInt16BE(0) % COUNT;
  for (let i = 0; i < COUNT; i++) {
    const prefix = `127.${FIRST + ((start + i) % COUNT)}`;
    const gateway = `${prefix}.0.1`;
    const holder = await tryListen(gateway, CLAIM_PORT);
    if (typeof holder === 'string') {
      if (holder === 'EADDRINUSE') continue;
      throw new CommandError(
        `cannot use loopback addresses such as ${gateway} (${holder}); zeroth needs 127.0.0.0/8, which Linux has by default`,
      );
    }
    const clusterPort = await firstFree(gateway, [80, httpPort === 0 ? 8080 : httpPort, 0]);
    return { prefix, gateway, clusterPort, release: () => void holder.close() };
  }
  throw new CommandError(`all ${COUNT} loopback ranges are taken by other instances; stop one with: zeroth down`);
}

/** The first of the ports that can be bound: one may need root, another may be taken at all addresses. */
export async function firstFree(host: string, ports: readonly number[]): Promise<number> {
  for (const port of ports) {
    const server = await tryListen(host, port);
    if (typeof server === 'string') continue;
    const address = server.address();
    server.close();
    if (typeof address === 'object' && address !== null) return address.port;
  }
  throw new CommandError(`no port of ${host} can be listened on`);
}

/** A server that listens, or the error's code. */
function tryListen(host: string, port: number): Promise<Server | string> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error) => resolve(errorCode(error) ?? error.message));
    server.listen({ host, port }, () => {
      server.unref();
      resolve(server);
    });
  });
}
