/** What differs between Node and browsers: variables, the program's name, the place of WebCrypto. */

interface Process {
  env?: Record<string, string | undefined>
  versions?: { node?: string }
}

const process = (globalThis as { process?: Process }).process

export const VERSION = '0.1.0'

/** A variable of the environment; `undefined` in a browser, or when it is empty. */
export function variable(name: string): string | undefined {
  return process?.env?.[name] || undefined
}

/** Browsers set their own `User-Agent`. */
export const userAgent: string | undefined = process?.versions?.node
  ? `repairops-sdk-js/${VERSION} node/${process.versions.node}`
  : undefined

/** Node 18 has WebCrypto only as a module, which bundlers for browsers must not look for. */
export async function webCrypto(): Promise<Crypto> {
  if (globalThis.crypto?.subtle) return globalThis.crypto
  const name = 'node:crypto'
  return ((await import(/* @vite-ignore */ /* webpackIgnore: true */ name)) as { webcrypto: Crypto }).webcrypto
}
