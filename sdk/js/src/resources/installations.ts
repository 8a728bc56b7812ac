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

  /** What is or was installed, the current version first. */
  versions(
    id: string,
    query: Query<'listInstallationVersions'> = {},
    options?: RequestOptions,
  ): List<Answer<'listInstallationVersions'>> {
    return this.api.list(path`/installations/${id}/versions`, query, options)
  }

  /** What an upgrade to another build of the plugin would change; nothing is written. */
  async previewUpgrade(
    id: string,
    query: Query<'previewInstallationUpgrade'>,
    options?: RequestOptions,
  ): Promise<Answer<'previewInstallationUpgrade'>> {
    return this.api.get(path`/installations/${id}/upgrade-preview`, { query, options })
  }

  /** Installs another build of the plugin, which judges from the next request on. */
  async upgrade(
    id: string,
    to: Body<'upgradeInstallation'>,
    options?: WriteOptions,
  ): Promise<Answer<'upgradeInstallation'>> {
    return this.api.post(path`/installations/${id}/upgrade`, to, options)
  }

  /** Installs an earlier version again, with its settings and grants. */
  async rollBack(
    id: string,
    to: Body<'rollBackInstallation'> = {},
    options?: WriteOptions,
  ): Promise<Answer<'rollBackInstallation'>> {
    return this.api.post(path`/installations/${id}/rollback`, to, options)
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
