/** The client: the address of the API, the API key, and the resources. */

import { variable } from './environment.js'
import type { RateLimit } from './rate_limit.js'
import { Api } from './resource.js'
import { Customers } from './resources/customers.js'
import { Installations } from './resources/installations.js'
import { Inventory } from './resources/inventory.js'
import { Keys } from './resources/keys.js'
import { Kpis } from './resources/kpis.js'
import { PluginRuns } from './resources/plugin_runs.js'
import { Plugins } from './resources/plugins.js'
import { Shops } from './resources/shops.js'
import { Tickets } from './resources/tickets.js'
import { Users } from './resources/users.js'
import { Webhooks } from './resources/webhooks.js'
import { Transport } from './transport.js'

export interface ClientOptions {
  /** By default the environment's `REPAIROPS_API_KEY`. */
  apiKey?: string | undefined
  /** Ends in `/v1`. By default the environment's `REPAIROPS_BASE_URL`, else `https://api.repairops.io/v1`. */
  baseUrl?: string | undefined
  /** Instead of the platform's own. */
  fetch?: typeof fetch | undefined
  /** Retries after no response, or a 408, 429 or 5xx; 3 by default. */
  maxRetries?: number | undefined
  /** The timeout of each attempt; 30 seconds by default. */
  timeoutMs?: number | undefined
  /** The delay before the first retry, which doubles for each next one. 500 by default. */
  retryDelayMs?: number | undefined
  /** A longer `Retry-After` fails the call immediately. 60 seconds by default. */
  retryAfterMaxMs?: number | undefined
}

const BASE_URL = 'https://api.repairops.io/v1'

export class RepairOpsClient {
  readonly tickets: Tickets
  readonly customers: Customers
  readonly inventory: Inventory
  readonly kpis: Kpis
  readonly webhooks: Webhooks
  readonly shops: Shops
  readonly users: Users
  readonly plugins: Plugins
  readonly installations: Installations
  readonly pluginRuns: PluginRuns
  readonly keys: Keys
  readonly #transport: Transport

  constructor(options: ClientOptions = {}) {
    const apiKey = options.apiKey ?? variable('REPAIROPS_API_KEY')
    if (!apiKey) throw new TypeError('an API key is needed: the option apiKey, or REPAIROPS_API_KEY in the environment')
    const baseUrl = options.baseUrl ?? variable('REPAIROPS_BASE_URL') ?? BASE_URL
    this.#transport = new Transport({
      apiKey,
      baseUrl: new URL(baseUrl).href.replace(/\/+$/, ''),
      fetch: options.fetch ?? globalThis.fetch.bind(globalThis),
      maxRetries: options.maxRetries ?? 3,
      timeoutMs: options.timeoutMs ?? 30_000,
      delayMs: options.retryDelayMs ?? 500,
      retryAfterMaxMs: options.retryAfterMaxMs ?? 60_000,
    })
    const api = new Api(this.#transport)
    this.tickets = new Tickets(api)
    this.customers = new Customers(api)
    this.inventory = new Inventory(api)
    this.kpis = new Kpis(api)
    this.webhooks = new Webhooks(api)
    this.shops = new Shops(api)
    this.users = new Users(api)
    this.plugins = new Plugins(api)
    this.installations = new Installations(api)
    this.pluginRuns = new PluginRuns(api)
    this.keys = new Keys(api)
  }

  /** The rate limit in the last response; `null` before the first response, or when the server has no limits. */
  get rateLimit(): RateLimit | null {
    return this.#transport.rateLimit
  }
}
