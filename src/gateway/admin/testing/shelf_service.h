// For tests: the service of shelf.proto, which answers with what it was asked.
#pragma once

#include "contract/call_context.h"
#include "contract/implements.h"
#include "gateway/admin/testing/shelf.pb.h"
#include "gateway/admin/testing/shelf.prism.h"
#include "security/caller_rights.h"

namespace prism::gateway::testing {

namespace shelf = ::prism::shelf::v1;

// Readers of a shelf may get and watch, its administrators burn; the rest is for those of the
// server. Nothing is kept.
class ShelfService final : public contract::Implements<shelf::Shelf> {
 public:
  using Context = contract::CallContext;

  runtime::Task<Status> Get(Context& ctx, const shelf::GetBookRequest& request,
                            shelf::Book& response) override {
    CO_TRY(ctx.rights->Check(request.shelf(), security::Permission::kRead));
    if (request.name() == "missing") {
      co_return std::unexpected(Error(Code::kNotFound, "BOOK_NOT_FOUND", "there is no such book"));
    }
    response.set_name(request.name());
    response.set_cover(shelf::HARD);
    co_return Status();
  }
  runtime::Task<Status> List(Context& ctx, const shelf::ListBooksRequest& request,
                             shelf::ListBooksResponse& response) override {
    CO_TRY(ctx.rights->CheckServer());
    response.add_books()->set_name(request.filter());
    co_return Status();
  }
  runtime::Task<Status> Newest(Context& ctx, const shelf::ListBooksRequest&,
                               shelf::Book& response) override {
    CO_TRY(ctx.rights->CheckServer());
    response.set_name("newest");
    co_return Status();
  }
  runtime::Task<Status> Create(Context& ctx, const shelf::CreateBookRequest& request,
                               shelf::Book& response) override {
    CO_TRY(ctx.rights->CheckServer());
    response = request.book();
    co_return Status();
  }
  runtime::Task<Status> Burn(Context& ctx, const shelf::BurnBookRequest& request,
                             shelf::Book& response) override {
    CO_TRY(ctx.rights->Check(request.shelf(), security::Permission::kAdmin));
    response.set_name(request.name());
    co_return Status();
  }
  runtime::Task<Status> Remove(Context& ctx, const shelf::GetBookRequest& request,
                               shelf::Book& response) override {
    CO_TRY(ctx.rights->CheckServer());
    response.set_name(request.name());
    co_return Status();
  }
  runtime::Task<Status> Watch(Context& ctx, const shelf::ListBooksRequest& request,
                              contract::Sink<shelf::Book> sink) override {
    CO_TRY(ctx.rights->Check(request.shelf(), security::Permission::kRead));
    for (int i = 0; i < request.page_size(); ++i) {
      shelf::Book book;
      book.set_pages(i + 1);
      CO_TRY(co_await sink.Write(book));
    }
    co_return Status();
  }
  runtime::Task<Status> Count(Context& ctx, const shelf::ListBooksRequest&,
                              shelf::ListBooksResponse&) override {
    CO_TRY(ctx.rights->CheckServer());
    co_return Status();
  }
};

}  // namespace prism::gateway::testing
