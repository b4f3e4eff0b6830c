/** What a TLS listener is: SNI chooses the certificate, ALPN the protocol. Nothing here knows where certificates come from. */
import { createSecureContext, createServer, type SecureContext, type Server } from 'node:tls';

/**
 * The certificate for a name as the client asks for it in its hello; undefined when there is none. A promise where that
 * is not known yet: the handshake waits.
 */
export type CertificateFor = (serverName: string) => SecureContext | undefined | Promise<SecureContext | undefined>;

export const HTTP2 = 'h2';
const PROTOCOLS = [HTTP2, 'http/1.1'];

/** Mozilla's "intermediate": 1.2 for clients of the last decade, nothing older. */
const MIN_VERSION = 'TLSv1.2';

/**
 * A name without a certificate gets no handshake (alert 40, `handshake_failure`): any certificate shown instead would
 * be another host's.
 * @param handshakeTimeout ms
 */
export function createSecureListener(certificateFor: CertificateFor, handshakeTimeout: number): Server {
  return createServer({
    noDelay: true,
    handshakeTimeout,
    minVersion: MIN_VERSION,
    ALPNProtocols: PROTOCOLS,
    // Clients are not asked for certificates, so the system's roots need not be loaded.
    ca: [],
    SNICallback: (serverName, answer) => {
      const found = certificateFor(serverName);
      if (!(found instanceof Promise)) return answer(null, found);
      found.then((context) => answer(null, context), answer);
    },
  });
}

/**
 * @param cert PEM, the leaf first
 * @param key PEM
 * @throws when either cannot be read, or the key is another certificate's; the text holds no secret
 */
export function secureContext(cert: string, key: string): SecureContext {
  return createSecureContext({ cert, key, ca: [], minVersion: MIN_VERSION });
}
