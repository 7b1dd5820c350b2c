#include "rpc/http/nghttp2_idle.h"

#include <stddef.h>

/* Of nghttp2's own sources, which are built with this file (cmake/nghttp2.cmake). */
#include "nghttp2_session.h"

void prism_nghttp2_leave_buffer(nghttp2_session* session, void** spare) {
  nghttp2_active_outbound_item* const sending = &session->aob;
  nghttp2_bufs* const buffers = &sending->framebufs;
  if (sending->item != NULL || sending->state != NGHTTP2_OB_POP_ITEM) return;
  if (*spare == NULL && buffers->head != NULL && buffers->head->next == NULL) {
    nghttp2_bufs_reset(buffers);
    *spare = buffers->head;
    buffers->head = NULL;
  } else {
    nghttp2_bufs_free(buffers);
  }
  buffers->cur = NULL;
}

int prism_nghttp2_take_buffer(nghttp2_session* session, void** spare) {
  nghttp2_bufs* const buffers = &session->aob.framebufs;
  if (buffers->head != NULL) return 0;
  if (*spare == NULL) return nghttp2_bufs_realloc(buffers, NGHTTP2_FRAMEBUF_CHUNKLEN);
  buffers->head = *spare;
  buffers->cur = buffers->head;
  buffers->chunk_used = 1;
  *spare = NULL;
  return 0;
}

void prism_nghttp2_free_buffer(void* spare) {
  nghttp2_bufs buffers = {.head = spare, .mem = nghttp2_mem_default()};
  nghttp2_bufs_free(&buffers);
}
