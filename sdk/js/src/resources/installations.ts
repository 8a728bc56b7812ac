import type { List } from '../list.js'
import { path, Resource } from '../resource.js'
import type { RequestOptions, WriteOptions } from '../transport.js'
import type { Answer, Body, Query } from '../types.js'

/** Installed plugins: their order, settings and limits. */
export class Installations extends Resource {
  list(query: Query<'listInstallations'> = {}, options?: RequestOptions): List<Answer<'listInstallations'>> {
    return this.api.list('/installations', query, options)
  }

  async get(id: string, options?: RequestOptions): Promise<Answer<'getInstallation'>> {
    return this.api.get(path`/installations/${id}`, { options })
  }

  async create(
    installation: Body<'createInstallation'>,
    options?: WriteOptions,
  ): Promise<Answer<'createInstallation'>> {
    return this.api.post('/installations', installation, options)
  }

  async update(
    id: string,
    change: Body<'updateInstallation'>,
    options?: WriteOptions,
  ): Promise<Answer<'updateInstallation'>> {
    return this.api.patch(path`/installations/${id}`, change, options)
  }

  /** Calls, outcomes, fuel and time by hour or day. */
  async stats(
    id: string,
    query: Query<'getInstallationStats'> = {},
    options?: RequestOptions,
  ): Promise<Answer<'getInstallationStats'>> {
    return this.api.get(path`/installations/${id}/stats`, { query, options })
  }

  async delete(id: string, options?: WriteOptions): Promise<Answer<'deleteInstallation'>> {
    return this.api.delete(path`/installations/${id}`, options)
  }
}
