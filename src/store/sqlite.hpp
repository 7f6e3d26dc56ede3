#pragma once

#include <memory>
#include <string>

#include "io/loop.hpp"
#include "store/store.hpp"

namespace nearend::store {

/// Opens (and makes or migrates) the database file. Writes go to one thread that commits what has gathered as one
/// transaction, synced to disk before any of its tasks resumes; reads go to another. Tasks are awaited on `loop` and
/// resume there; the loop must outlive the store. Destroying the store finishes the writes that were handed in.
/// Errors: internal (the file cannot be used; the text names it), unsupported (made by a newer version).
Result<std::unique_ptr<Store>> open_sqlite(const std::string& path, io::Loop& loop);

}  // namespace nearend::store
