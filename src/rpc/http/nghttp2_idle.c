#include "rpc/http/nghttp2_idle.h"

#include <stddef.h>

/* Of nghttp2's own sources, which are built with this file (cmake/nghttp2.cmake). */
#include "nghttp2_session.h"

void prism_nghttp2_leave_buffer(nghttp2_session* session) {
  nghttp2_active_outbound_item* const sending = &session->aob;
  if (sending->item == NULL && sending->state == NGHTTP2_OB_POP_ITEM) {
    nghttp2_bufs_free(&sending->framebufs);
  }
}

int prism_nghttp2_take_buffer(nghttp2_session* session) {
  nghttp2_bufs* const buffers = &session->aob.framebufs;
  return buffers->head != NULL ? 0 : nghttp2_bufs_realloc(buffers, NGHTTP2_FRAMEBUF_CHUNKLEN);
}
