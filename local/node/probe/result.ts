/** What one attempt of a probe found. */
export type ProbeResult = { readonly success: true } | { readonly success: false; readonly message: string };
