import { Resource } from '../resource.js'
import type { RequestOptions } from '../transport.js'
import type { Answer, Query } from '../types.js'

/** Daily figures, calculated from the tickets. */
export class Kpis extends Resource {
  async get(query: Query<'getKpis'> = {}, options?: RequestOptions): Promise<Answer<'getKpis'>> {
    return this.api.get('/kpis', { query, options })
  }
}
