// Where a PostgreSQL client finds a branch.
#pragma once

#include <string>

namespace prism::cli {

// What a connection string says; without a password, which is for ~/.pgpass and PGPASSWORD.
struct BranchAddress {
  std::string branch;  // its name, or a text that is folded to one
  std::string user = "postgres";
  std::string database = "postgres";
  std::string host = "127.0.0.1";  // a name, an address, or the directory of a unix socket
  int port = 5432;
};

// "postgresql://user%40branch@host:port/database" (PostgreSQL documentation, section 34.1.1.2).
std::string BranchUrl(const BranchAddress& address);

}  // namespace prism::cli
