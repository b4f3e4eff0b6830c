/** The first SIGINT or SIGTERM; the second ends the process at once (its children follow, nothing stored is lost). */
export function nextSignal(): Promise<string> {
  return new Promise((resolve) => {
    let told = false;
    const take = (name: string): void => {
      if (told) process.exit(130);
      told = true;
      resolve(name);
    };
    process.on('SIGINT', take);
    process.on('SIGTERM', take);
  });
}
