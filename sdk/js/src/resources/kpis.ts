import { Resource } from '../resource.js'
import type { RequestOptions } from '../transport.js'
import type { Answer, Query } from '../types.js'

/** Daily figures, from the tickets themselves. */
export class Kpis extends Resource {
  async get(query: Query<'getKpis'> = {}, options?: RequestOptions): Promise<Answer<'getKpis'>> {
    return this.api.get('/kpis', { query, options })
  }
}
