import type { List } from '../list.js'
import { path, Resource } from '../resource.js'
import type { RequestOptions } from '../transport.js'
import type { Answer, Query } from '../types.js'

/** What plugins were asked, what they did, and why. */
export class PluginRuns extends Resource {
  list(query: Query<'listPluginRuns'> = {}, options?: RequestOptions): List<Answer<'listPluginRuns'>> {
    return this.api.list('/plugin-runs', query, options)
  }

  /** A run with its input, its decision and its log. */
  async get(id: string, options?: RequestOptions): Promise<Answer<'getPluginRun'>> {
    return this.api.get(path`/plugin-runs/${id}`, { options })
  }
}
